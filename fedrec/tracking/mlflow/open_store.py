"""Opens an MLflow store and the experiment that takes the runs; makes both if they are new."""

import contextlib
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from filelock import FileLock
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from fedrec.config.secrets import masked

_LOCK_SECONDS = 20  # how long to wait for another process that makes the same store
_BUSY_SECONDS = 1
_LONGEST_REASON = 200  # characters
_opened: list[tuple[Path, int]] = []  # the latest SQLite file and its inode


def open_experiment(description: Mapping[str, Any]) -> tuple[MlflowClient, str]:
    """Return a client of the store and the id of the experiment that `StoreAddress.describe` names.

    Raises MlflowException if the experiment is deleted: MLflow keeps it for a while, but takes no runs for it.
    """
    if description["database"]:
        _create_if_new(Path(description["database"]))
        _close_other_files(Path(description["database"]))
    client, name = MlflowClient(description["uri"]), description["experiment"]
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        with contextlib.suppress(MlflowException):  # another process makes it at the same time
            client.create_experiment(name, artifact_location=description["artifact_location"])
        experiment = client.get_experiment_by_name(name)
        assert experiment is not None
    if experiment.lifecycle_stage != "active":
        text = f"the experiment {name} was deleted; restore it or choose another tracking.experiment"
        raise MlflowException.invalid_parameter_value(text)
    return client, str(experiment.experiment_id)


def is_permanent(error: Exception) -> bool:
    """Return whether trying again cannot help, for instance because somebody deleted the run."""
    permanent = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "PERMISSION_DENIED", "UNAUTHENTICATED")
    return isinstance(error, MlflowException) and error.error_code in permanent


def one_line(error: Exception) -> str:
    """Return the first line of the innermost cause, without passwords."""
    cause: BaseException = error
    while earlier := cause.__cause__ or cause.__context__:
        cause = earlier
    return masked((str(cause).strip() or type(cause).__name__).splitlines()[0])[:_LONGEST_REASON]


def _create_if_new(database: Path) -> None:
    """Make an SQLite store, one process at a time, and whole or not at all.

    MLflow itself creates some forty tables one after the other. Processes that do so at the same time crash each other, and a process
    that is stopped halfway, by a full disk for instance, leaves a store that nothing can open again.
    Raises sqlite3.Error if the file is locked, full or no database.
    """
    with (
        FileLock(database.with_name(f"{database.name}.lock"), timeout=_LOCK_SECONDS),
        contextlib.closing(sqlite3.connect(database, timeout=_BUSY_SECONDS, isolation_level=None)) as target,
    ):
        target.execute("BEGIN IMMEDIATE")  # fails at once if the file is locked; MLflow would take minutes
        (n_tables,) = target.execute("SELECT count(*) FROM sqlite_master").fetchone()
        target.execute("ROLLBACK")
        if n_tables == 0:
            with TemporaryDirectory() as folder:
                new = Path(folder) / "new.db"
                MlflowClient(f"sqlite:///{new}").search_experiments(max_results=1)
                with contextlib.closing(sqlite3.connect(new)) as source:
                    source.backup(target)  # one transaction


def _close_other_files(database: Path) -> None:
    """Close the SQLite files that MLflow keeps open, if there is another file now, perhaps under the same name."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
    from mlflow.tracking._tracking_service.utils import _tracking_store_registry

    file = (database, database.stat().st_ino)
    if _opened and _opened[-1] != file:
        for engine in SqlAlchemyStore._engine_map.values():
            engine.dispose()
        SqlAlchemyStore._engine_map.clear()
        _tracking_store_registry._get_store_with_resolved_uri.cache_clear()
    _opened[:] = [file]
