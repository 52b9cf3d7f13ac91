"""Opens an MLflow store and the experiment that takes the runs; makes both if they are new."""

import contextlib
import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from filelock import FileLock
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.pool import NullPool

from fedrec.config.secrets import masked
from fedrec.tracking.mlflow.store_schema import VERSION, schema_problem
from fedrec.tracking.mlflow.store_uri import DATABASES

KEY = "run_key"  # tag: unlike MLflow's id, it is known before the run is stored, so no run is made twice
_LOCK_SECONDS = 20  # how long to wait for another process that makes the same store
_BUSY_SECONDS = 1
_TABLES_LOCK = zlib.crc32(b"fedrec MLflow's tables")  # the number of an advisory lock
_CONNECT_SECONDS = 10  # how long a database server may take to answer
_LONGEST_REASON = 200  # characters
_opened: list[tuple[Path, int]] = []  # the latest SQLite file and its inode


def open_experiment(description: Mapping[str, Any]) -> tuple[MlflowClient, str]:
    """Return a client of the store and the id of the experiment that `StoreAddress.describe` names, which is made if it is new."""
    client, name = open_store(description), description["experiment"]
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        with contextlib.suppress(MlflowException):  # another process makes it at the same time
            client.create_experiment(name, artifact_location=description["artifact_location"])
        experiment = client.get_experiment_by_name(name)
        assert experiment is not None
    return client, str(experiment.experiment_id)


def find_run(client: MlflowClient, experiment: str, key: str) -> str | None:
    """Return the id of the run that has this key, or None if the store does not have it."""
    found = client.search_runs([experiment], f"tags.{KEY} = '{key}'", max_results=1)
    return str(found[0].info.run_id) if found else None


def open_store(description: Mapping[str, Any]) -> MlflowClient:
    """Return a client of the store that `StoreAddress.describe` names.

    Raises MlflowException if the experiment is deleted: MLflow keeps it for a while, but takes no runs for it.
    """
    if description["uri"].partition(":")[0].split("+")[0] in DATABASES:
        _require_tables(description["uri"])
    if description["database"]:
        _create_if_new(Path(description["database"]))
        _close_other_files(Path(description["database"]))
    client, name = MlflowClient(description["uri"]), description["experiment"]
    experiment = client.get_experiment_by_name(name)
    if experiment is not None and experiment.lifecycle_stage != "active":
        problem = f"the experiment {name} was deleted; restore it or choose another tracking.experiment"
        raise MlflowException.invalid_parameter_value(problem)
    return client


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
        _alone(database.with_name(f"{database.name}.lock")),
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


@contextlib.contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Let one process at a time in, and leave no lock file behind. Whoever waits for a file that is gone locks a new one."""
    with FileLock(file, timeout=_LOCK_SECONDS):
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # Windows removes no open file, but there FileLock itself removes it
                file.unlink()


def _require_tables(uri: str) -> None:
    """Raise what is wrong with a database server at once, for MLflow would try for two minutes to reach it; make its tables if it is empty.

    One process at a time does so in PostgreSQL, whatever machine it runs on: others would see half of the tables, or make them too.
    Raises SQLAlchemyError if the server cannot be reached, and MlflowException if its tables are not those of this MLflow.
    """
    options = {"poolclass": NullPool} | ({} if uri.startswith("mssql") else {"connect_args": {"connect_timeout": _CONNECT_SECONDS}})
    with create_engine(uri, isolation_level="AUTOCOMMIT", **options).connect() as connection:
        if uri.startswith("postgresql"):
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _TABLES_LOCK})  # it belongs to the connection
        tables = inspect(connection).get_table_names()
        revision = connection.execute(text(VERSION)).scalar() if "alembic_version" in tables else None
        if problem := schema_problem(tables, revision):
            raise MlflowException.invalid_parameter_value(problem)
        if not tables:
            MlflowClient(uri).search_experiments(max_results=1)


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
