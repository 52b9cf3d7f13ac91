"""What a run writes about itself beside its metrics, so that it can be delivered to MLflow even if no process of it is left.

`run.json` is its description, without a password. `ending.json` says how it ended; a run that was killed has none. Two locks tell
whether the run itself or a process that delivers it is still at work: the operating system opens them when their process ends.
"""

import json
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

if TYPE_CHECKING:  # it imports torch, which the writer does not need
    from fedrec.interfaces import Status

RUN_LOCK, WRITER_LOCK = "run.lock", "writer.lock"
_DESCRIPTION, _ENDING = "run.json", "ending.json"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended. The defaults are those of a run that did not say so."""

    status: "Status" = "KILLED"
    summary: Mapping[str, Any] = field(default_factory=dict)
    time: int | None = None  # ms
    lost: str = ""  # why metrics are missing for good, if some are


def record(folder: Path, description: Mapping[str, Any]) -> None:
    """Write the description of the run whose tracking folder this is. Raises OSError."""
    _write(folder / _DESCRIPTION, {**description, "uri": description["public_uri"]})


def recorded(folder: Path) -> dict[str, Any]:
    """Return the description in a tracking folder. Its address lacks the password. Raises OSError or ValueError."""
    description: dict[str, Any] = json.loads((folder / _DESCRIPTION).read_text(encoding="utf-8"))
    return {**description, "folder": str(folder), "uri": description["uri"].replace(":***@", "@")}


def is_recorded(folder: Path) -> bool:
    """Return whether a tracking folder still holds a run."""
    return (folder / _DESCRIPTION).exists()


def remove(folder: Path) -> None:
    """Remove a tracking folder whose run has arrived, the description first: what is left then is never delivered again."""
    (folder / _DESCRIPTION).unlink()
    shutil.rmtree(folder, ignore_errors=True)


def record_ending(folder: Path, ending: Ending) -> None:
    """Write how the run ended. Raises OSError."""
    _write(folder / _ENDING, asdict(ending))


def recorded_ending(folder: Path) -> Ending:
    """Return how the run ended, as far as its tracking folder tells."""
    with suppress(OSError, ValueError, TypeError):
        return Ending(**json.loads((folder / _ENDING).read_text(encoding="utf-8")))
    return Ending()


def undelivered(folder: Path) -> list[Path]:
    """Return the tracking folders in a folder and below it that hold a run, the outermost first."""
    found = {path.parent for path in folder.rglob(_DESCRIPTION) if path.parent.name.startswith("tracking")}
    return sorted(found, key=lambda one: (len(one.parts), one))


def locked(path: Path) -> FileLock:
    """Lock a file at once and return the lock, which belongs to the process.

    Raises filelock.Timeout if another process has it, and FileNotFoundError if there is no such folder, which filelock would make.
    """
    lock = FileLock(path, timeout=0, thread_local=False)
    path.parent.stat()
    lock.acquire()
    return lock


@contextmanager
def claimed(folder: Path) -> Iterator[bool]:
    """Keep a run to this process meanwhile. Yield False if the run goes on, or another process delivers it."""
    try:
        with locked(folder / RUN_LOCK), locked(folder / WRITER_LOCK):
            yield True
    except Timeout:
        yield False


def command(folder: Path) -> str:
    """Return the command that delivers the run, ready to be pasted into a shell."""
    return f"python -m fedrec.tracking.deliver {shlex.quote(str(folder))}"


def _write(path: Path, content: Mapping[str, Any]) -> None:
    """Write under another name first, so that nobody reads half a file."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content), encoding="utf-8")
    part.replace(path)
