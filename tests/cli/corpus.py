"""The corpus of bad input: how a line of `bad_inputs.txt` is read, and how the files that it needs are made."""

import ast
import gzip
import os
import re
import shlex
import shutil
import sqlite3
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from experiments.paper import REPORTED
from tests.cli.program import TINY
from tests.comparison.made_up_runs import run_folder, summary

PROGRAMS: Mapping[str, tuple[str, tuple[str, ...]]] = {  # name in the corpus -> module, and the arguments that come first
    "main": ("fedrec.main", ()),
    "tiny": ("fedrec.main", TINY),
    "sweep": ("fedrec.main", ("-m", *TINY, "hydra.sweeper.n_jobs=1")),
    "catalog": ("fedrec.catalog", ()),
    "describe": ("fedrec.data", ("describe",)),
    "recommend": ("fedrec.recommend", ()),
    "compare": ("fedrec.compare", ()),
    "paper": ("experiments.paper", ()),
    "report": ("experiments.report", ()),
    "board": ("experiments.leaderboard", ()),
    "audit": ("fedrec.audit", ()),
    "flower": ("fedrec.flower", ()),
}
TEXT = Path(__file__).with_name("bad_inputs.txt").read_text(encoding="utf-8")
MEGABYTE = 2**20


@dataclass(frozen=True)
class Line:
    """A line of the corpus."""

    what: str
    command: str
    status: int
    words: str
    files: Mapping[str, Any] = field(default_factory=dict)  # path -> what `make_file` makes there

    @property
    def call(self) -> tuple[str, list[str]]:
        """The module that is run, and its arguments."""
        program, *arguments = shlex.split(self.command)
        module, first = PROGRAMS[program]
        return module, [*first, *arguments]

    def prepare(self, folder: Path) -> None:
        """Make the files that the command needs."""
        for name, make in FIXTURES.items():
            if re.search(rf"\b{re.escape(name)}\b", self.command):
                make(folder / name)
        for name, content in self.files.items():
            make_file(folder / name, content)


def read(row: str) -> Line:
    what, command, status, words, *files = row.split(" | ")
    return Line(what, command, int(status), words, *map(ast.literal_eval, files))


def make_file(path: Path, content: Any) -> None:
    """Make a file of text or bytes, a folder (None), or what a tuple says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    match content:
        case None:
            path.mkdir()
        case ("pipe",):
            os.mkfifo(path)
        case ("link", where):
            path.symlink_to(where)
        case ("hole", size):
            path.touch()
            os.truncate(path, size)
        case ("times", before, repeated, times):
            path.write_text(before + repeated * times, encoding="utf-8")
        case ("gzip", repeated, times):  # of several members, so that neither time nor memory is needed
            of_a_member = min(times, MEGABYTE // len(repeated))
            path.write_bytes(gzip.compress(repeated * of_a_member) * (times // of_a_member))
        case ("zip", member, repeated, times):
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(member, repeated * times)
        case _:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())


def make_table(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.close()


FIXTURES: Mapping[str, Callable[[Path], object]] = {  # name in a command -> what makes it
    "file": Path.touch,
    "empty": Path.mkdir,
    "text.db": lambda path: path.write_text("This is no database.\n" * 9, encoding="utf-8"),
    "foreign.db": lambda path: make_table(path, "CREATE TABLE studies (name TEXT)"),
    "mlflow.db": lambda path: make_table(path, "CREATE TABLE alembic_version (version_num TEXT)"),
    "finished": lambda path: run_folder(path, summary("none", "none", 0, 0.1, 0.5)),
    "other.parquet": lambda path: pd.DataFrame({"a": [1]}).to_parquet(path),
    "runs.parquet": lambda path: shutil.copy(REPORTED, path),
}
CORPUS = [read(row) for row in TEXT.splitlines() if row and not row.startswith("#")]
