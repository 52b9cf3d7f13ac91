"""Makes an SQLite store for MLflow: by one process at a time, and whole or not at all.

MLflow itself creates some forty tables one after the other: processes that do so at the same time crash each other, and one that is
stopped halfway, by a full disk for instance, leaves a store that nothing can open again.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from filelock import FileLock
from mlflow.tracking import MlflowClient

_WAIT_SECONDS = 20  # for another process that creates the same store
_BUSY_SECONDS = 1


def create_if_new(database: Path) -> None:
    """Leave a store behind that MLflow can open. Raises sqlite3.Error if the file is locked, full or no database."""
    with (
        FileLock(database.with_name(f"{database.name}.lock"), timeout=_WAIT_SECONDS),
        closing(sqlite3.connect(database, timeout=_BUSY_SECONDS, isolation_level=None)) as target,
    ):
        target.execute("BEGIN IMMEDIATE")  # a locked file is found out now; MLflow would take minutes
        (n_tables,) = target.execute("SELECT count(*) FROM sqlite_master").fetchone()
        target.execute("ROLLBACK")
        if n_tables == 0:
            _fill(target)


def _fill(target: sqlite3.Connection) -> None:
    with TemporaryDirectory() as folder:
        new = Path(folder) / "new.db"
        MlflowClient(f"sqlite:///{new}").search_experiments(max_results=1)
        with closing(sqlite3.connect(new)) as source:
            source.backup(target)  # one transaction
