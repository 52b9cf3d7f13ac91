"""`python -m experiments.paper` and `experiments.report`, the real ones, on data sets so small that every cell takes a moment."""

import io
import json
import os
import subprocess
import sys
from collections import Counter
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.paper import main
from tests.cli.program import ENVIRONMENT
from tests.sweeps.sweeps import trials

USERS, ITEMS = 40, 200
QUICK = ("datasets=ml100k", "tracking=none", "workers=1")


def write_data(folder: Path) -> None:
    """A folder as FEDREC_DATA names it, with made-up splits."""
    drawing = np.random.default_rng(0)
    for name in ("ml-100k", "ml-1m", "az"):
        (folder / name).mkdir(parents=True)
        rows = [drawing.permutation(np.arange(ITEMS) if user == 0 else drawing.integers(0, ITEMS, 30)).tolist() for user in range(USERS)]
        unique = [list(dict.fromkeys(row)) for row in rows]
        (folder / name / "train.txt").write_text("".join(f"{user} {' '.join(map(str, row[:-1]))}\n" for user, row in enumerate(unique)))
        (folder / name / "test.txt").write_text("".join(f"{user} {row[-1]}\n" for user, row in enumerate(unique)))


def command(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", f"experiments.{module}", *arguments]


def paper(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """With `folder` as working directory, which also holds the data."""
    return run(folder, "paper", *arguments)


def run(folder: Path, module: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command(module, *arguments), cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=300, check=False
    )


def start(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    """In a process group of its own."""
    with (folder / "log").open("a") as log:
        return subprocess.Popen(
            command("paper", *arguments), cwd=folder, env=environment(folder), stdout=log, stderr=log, text=True, process_group=0
        )


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, **ENVIRONMENT, "FEDREC_DATA": str(folder / "data")}


def plan(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    """What --dry-run --json says, in this process."""
    written = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(written):
        patch.chdir(folder)
        patch.setenv("FEDREC_DATA", str(folder / "data"))
        assert main([*arguments, "--dry-run", "--json"]) == 0
    cells: list[dict[str, Any]] = json.loads(written.getvalue())
    return cells


def address(folder: Path) -> str:
    """Of the store that a measuring in this folder fills."""
    return f"sqlite:///{folder}/multirun/paper/study.db"


def measured(folder: Path, storage: str | None = None) -> Counter[str]:
    """How often each key has been measured."""
    if storage is None and not (folder / "multirun/paper/study.db").exists():
        return Counter()
    return Counter(trial.user_attrs["key"] for trial in trials(folder, storage or address(folder), "paper") if trial.values)
