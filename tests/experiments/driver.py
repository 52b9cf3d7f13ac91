"""`python -m experiments.paper` and `experiments.report` on data sets so small that every cell takes a moment."""

import io
import json
import os
import subprocess
import sys
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments import leaderboard, paper, report
from tests.cli.program import ENVIRONMENT
from tests.sweeps.sweeps import trials

USERS, ITEMS = 40, 200
QUICK = ("datasets=ml100k", "tracking=none", "workers=1")
MAIN = {"paper": paper.main, "report": report.main, "leaderboard": leaderboard.main}


@dataclass(frozen=True)
class Ended:
    """What a program has left: its exit status and what it has printed."""

    returncode: int
    stdout: str
    stderr: str


def write_data(folder: Path) -> None:
    """Write a folder as FEDREC_DATA names it, with made-up splits."""
    drawing = np.random.default_rng(0)
    for name in ("ml-100k", "ml-1m", "az"):
        (folder / name).mkdir(parents=True)
        rows = [drawing.permutation(np.arange(ITEMS) if user == 0 else drawing.integers(0, ITEMS, 30)).tolist() for user in range(USERS)]
        unique = [list(dict.fromkeys(row)) for row in rows]
        (folder / name / "train.txt").write_text("".join(f"{user} {' '.join(map(str, row[:-1]))}\n" for user, row in enumerate(unique)))
        (folder / name / "test.txt").write_text("".join(f"{user} {row[-1]}\n" for user, row in enumerate(unique)))


def call(folder: Path, module: str, *arguments: str) -> Ended:
    """Call a program's `main` in this process, with `folder` as working directory, which also holds the data."""
    out, error = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(error):
        patch.chdir(folder)
        patch.setenv("FEDREC_DATA", str(folder / "data"))
        patch.setenv("PYTHONPATH", os.environ.get("PYTHONPATH", ""))  # a launcher sets it
        status = MAIN[module](arguments)
    return Ended(status, out.getvalue(), error.getvalue())


def run(folder: Path, module: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the real program, with `folder` as working directory."""
    return subprocess.run(
        command(module, *arguments), cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=600, check=False
    )


def start(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    """Start `experiments.paper` in a process group of its own."""
    with (folder / "log").open("a") as log:
        return subprocess.Popen(
            command("paper", *arguments), cwd=folder, env=environment(folder), stdout=log, stderr=log, text=True, process_group=0
        )


def command(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", f"experiments.{module}", *arguments]


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, **ENVIRONMENT, "FEDREC_DATA": str(folder / "data")}


def plan(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    """Return what --dry-run --json says."""
    ended = call(folder, "paper", *arguments, "--dry-run", "--json")
    assert ended.returncode == 0, ended.stderr
    cells: list[dict[str, Any]] = json.loads(ended.stdout)
    return cells


def measured(folder: Path, storage: str | None = None) -> Counter[str]:
    """Return how often each key has been measured; the store may be in use, or not exist yet."""
    if storage is None and not (folder / "multirun/paper/study.db").exists():
        return Counter()
    address = storage or f"sqlite:///{folder}/multirun/paper/study.db"
    return Counter(trial.user_attrs["key"] for trial in trials(folder, address, "paper") if trial.values)
