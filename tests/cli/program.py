"""The real program in a subprocess."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "fedrec.main")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
TINY = ("dataset=synthetic", "dataset.users=40", "dataset.items=60", "dataset.interactions=600", "system.epochs=3", "tracking=none")


def fedrec(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m fedrec.main ARGUMENTS` with `folder` as working directory."""
    return subprocess.run(
        [*COMMAND, *arguments], cwd=folder, env=ENVIRONMENT | environment, capture_output=True, text=True, timeout=180, check=False
    )
