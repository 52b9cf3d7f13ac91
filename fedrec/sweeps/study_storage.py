"""Where studies are stored: an SQLite file, or a PostgreSQL database that workers on many machines share."""

import sqlite3
import warnings
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from optuna.storages._rdb.models import BaseModel
from sqlalchemy import create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from fedrec.config.secrets import masked, refuse_ambiguous, revealed, stowed
from fedrec.config.validation import ConfigError

HEARTBEAT_SECONDS = 5  # time between two signs of life of a running trial
GRACE_SECONDS = 30  # a trial without a sign of life for this time counts as lost, and is repeated
FILE = "study.db"  # in the folder of a study that names no database
_BUSY_SECONDS = 60.0  # how long a process waits while others write to the same SQLite file


def locate(storage: str | None, folder: Path, option: str = "hydra.sweeper.storage") -> str:
    """Return the absolute address of a storage, by default of an SQLite file in `folder`, which is made. Raises ConfigError.

    The address refers to its password, and `open_storage` and `exclusive` look it up: so no worker finds it in a file.
    """
    storage = revealed(storage or f"sqlite:///{folder / FILE}")
    refuse_ambiguous(option, storage)
    try:
        url = make_url(storage)
        backend = url.get_backend_name()
    except (ArgumentError, ValueError):  # of which a port that is no number raises the second
        backend = ""
    if backend == "sqlite" and url.database and url.database != ":memory:":
        path = Path.cwd() / url.database
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"{option}: cannot make the folder of {path} ({error.strerror})") from None
        return f"sqlite:///{path}"
    if backend == "postgresql":
        return stowed(url.render_as_string(hide_password=False))
    allowed = "null, sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE"
    raise ConfigError(f"{option}={masked(storage)} is not allowed: must be {allowed}")


def open_storage(address: str) -> RDBStorage:
    """Open a storage, and make its tables if there are none. Raises ConfigError if the database does not allow it."""
    is_file = address.startswith("sqlite")
    options: dict[str, Any] = {"connect_args": {"timeout": _BUSY_SECONDS}} if is_file else {"pool_pre_ping": True}
    try:
        with exclusive(address, "tables"):  # SQLite changes its mode only while nobody reads, and does not wait for that
            _refuse_foreign(address)  # before anything of it is changed
            if is_file:
                with closing(sqlite3.connect(address.removeprefix("sqlite:///"), timeout=_BUSY_SECONDS)) as connection:
                    connection.execute("PRAGMA journal_mode=WAL")  # readers and writers then do not wait for each other
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Optuna calls heartbeats experimental
                storage = RDBStorage(revealed(address), options, heartbeat_interval=HEARTBEAT_SECONDS, grace_period=GRACE_SECONDS)
    except OSError as error:
        raise ConfigError(f"hydra.sweeper.storage={masked(address)}: cannot write in its folder ({error.strerror})") from None
    except (SQLAlchemyError, StorageInternalError, sqlite3.Error, ImportError, RuntimeError) as error:
        reason = masked(str(error).splitlines()[0])
        raise ConfigError(f"hydra.sweeper.storage={masked(address)}: {reason}") from None
    if is_file:  # without waiting for the disk, a power cut may cost the last moments of a study, but never its integrity
        event.listen(storage.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=NORMAL"))
    return storage


def _refuse_foreign(address: str) -> None:
    """Raise RuntimeError if a database is another program's: if it has Optuna's tables with other columns, or Alembic without them."""
    engine = create_engine(revealed(address), poolclass=NullPool)
    with engine.connect() as connection:
        found = inspect(connection)
        names = set(found.get_table_names())
        for name in names & set(BaseModel.metadata.tables):
            columns = {column["name"] for column in found.get_columns(name)}
            if missing := [column.name for column in BaseModel.metadata.tables[name].columns if column.name not in columns]:
                raise RuntimeError(f"it is no database of studies: its table {name} has no column {missing[0]}")
    if "alembic_version" in names and "version_info" not in names:  # MLflow, for instance, keeps its own version there
        raise RuntimeError(f"it is no database of studies, but one with the tables {', '.join(sorted(names)[:5])}")


@contextmanager
def exclusive(address: str, name: str) -> Iterator[None]:
    """Let one process at a time in, among all machines that share the storage. A process that dies releases the lock.

    Raises OSError if the file of the lock cannot be made beside that of the storage.
    """
    if address.startswith("sqlite"):
        file = Path(f"{address.removeprefix('sqlite:///')}.{zlib.crc32(name.encode()):08x}.lock")
        file.touch()  # or the lock would wait for ever where nobody may write
        with FileLock(file):
            yield
        return
    engine = create_engine(revealed(address), poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:  # the lock belongs to the connection
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": zlib.crc32(f"fedrec {name}".encode())})
        yield
