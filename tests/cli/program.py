"""The real program in a subprocess, and what any way of running it leaves behind."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "fedrec.main")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
BOUND_BY_PERMISSIONS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all") if os.geteuid() == 0 else ()
TINY = ("dataset=synthetic", "dataset.users=40", "dataset.items=60", "dataset.interactions=600", "system.epochs=3", "tracking=none")


@dataclass(frozen=True)
class Ended:
    """What a command leaves behind, as `subprocess.CompletedProcess` has it."""

    returncode: int
    stdout: str
    stderr: str


def fedrec(folder: Path, *arguments: str, bound: Sequence[str] = (), **environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m fedrec.main ARGUMENTS` with `folder` as working directory; `bound` is a command that runs the program."""
    return subprocess.run(
        [*bound, *COMMAND, *arguments], cwd=folder, env=ENVIRONMENT | environment, capture_output=True, text=True, timeout=180, check=False
    )
