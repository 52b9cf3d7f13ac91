"""A password, and where it must not be seen."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from urllib.parse import quote

from tests.cli.program import ENVIRONMENT, TINY
from tests.sweeps.sweeps import SHORT
from tests.tracking.runs import wait_until

LEFT, RIGHT = (token_hex(8) for _ in range(2))  # other processes of the tests have passwords of their own
PASSWORD = f"{LEFT}@1a/{RIGHT}"
ENCODED = quote(PASSWORD, safe="")
RUN = tuple(option for option in TINY if option != "tracking=none")
TUNED = (*SHORT, "sweep=attack", "attack=pieck_uea", "attack.N=range(5,30)", "hydra/sweeper/pruner=none", "hydra.sweeper.n_trials=2")


def holders(*folders: Path) -> list[Path]:
    """Return the files and folders whose content or name shows the password."""
    paths = (path for folder in folders for path in folder.rglob("*"))
    return [path for path in paths if shows(path.name) or (path.is_file() and shows(path.read_bytes().decode(errors="replace")))]


def shows(text: str) -> bool:
    """Return whether a text holds one half of the password; percent-encoding changes neither."""
    return LEFT in text or RIGHT in text


def visible() -> set[tuple[str, ...]]:
    """Return the command lines of all processes that show the password."""
    lines = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            lines.add(tuple(path.read_text(errors="replace").split("\0")[:-1]))
    return {line for line in lines if shows(" ".join(line))}


def run(folder: Path, module: str, *arguments: str, **environment: str) -> tuple[int, str]:
    """Run a program, and look at the command lines of its children all the while. Return its exit status and what it has printed."""
    log = folder / f"{module}.log"
    with log.open("a") as output:
        environment = {**ENVIRONMENT, "FEDREC_DATA": str(folder / "data"), **environment}
        command = [sys.executable, "-m", module, *arguments]
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
    seen: set[tuple[str, ...]] = set()

    def ended() -> bool:
        seen.update(visible() - {tuple(command)})  # the user has typed that one, and a fork of the program has it, too
        return process.poll() is not None

    try:
        wait_until(ended)
    finally:
        process.kill()
        process.wait()
    assert not seen, seen
    return process.returncode, log.read_text()
