"""The address of an MLflow store: made absolute and checked cheaply, before any training."""

import contextlib
import os
import re
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fedrec.config.secrets import masked, refuse_ambiguous
from fedrec.tracking.mlflow.store_schema import VERSION, schema_problem

_ALLOWED = "sqlite:///FILE, http(s)://SERVER or postgresql://USER@HOST/DATABASE"
DATABASES = ("postgresql", "mysql", "mssql")


@dataclass(frozen=True, slots=True)
class StoreAddress:
    uri: str  # absolute
    database: Path | None  # the SQLite file, None for a server
    artifacts: Path | None  # folder of all artifacts, None = the server decides

    @property
    def public_uri(self) -> str:
        """The address without a password."""
        return masked(self.uri)

    def describe(self, experiment: str) -> dict[str, Any]:
        """Return what `open_store.open_experiment` needs. The artifact location, a file URI, is only for a new experiment."""
        folder = self.artifacts and self.artifacts / re.sub(r"[^\w.-]", "_", experiment)
        database, location = self.database and str(self.database), folder and folder.as_uri()
        return {"uri": self.uri, "database": database, "experiment": experiment, "artifact_location": location}


def locate_store(uri: str) -> StoreAddress:
    """Resolve `uri` against the working directory.

    Raises ValueError, one line, if it is malformed, or its SQLite file cannot be written or holds something else. Asks no server.
    """
    refuse_ambiguous("tracking.uri", uri)
    try:
        parts = urlsplit(uri)
        _ = parts.port  # is read here because it may be impossible
    except ValueError as error:
        raise ValueError(f"{_named(uri)}: {error}") from None
    kind = parts.scheme.split("+")[0]
    if kind == "sqlite":
        return _locate_sqlite(uri)
    if kind in ("http", "https") and parts.hostname:
        return StoreAddress(uri, None, None)
    if kind in DATABASES and (parts.hostname or parts.path.strip("/")):
        return StoreAddress(uri, None, Path.cwd() / "mlartifacts")
    raise ValueError(f"{_named(uri)}: not the address of an MLflow store; allowed: {_ALLOWED}")


def _named(uri: str) -> str:
    """Return how an error names the option that gives an address."""
    variable = " (from MLFLOW_TRACKING_URI)" if uri == os.environ.get("MLFLOW_TRACKING_URI") else ""
    return f"tracking.uri={masked(uri)}{variable}"


def _locate_sqlite(uri: str) -> StoreAddress:
    match = re.fullmatch(r"(sqlite(?:\+\w+)?):///([^?#]+)", uri)
    if match is None or match[2] == ":memory:":
        raise ValueError(f"{_named(uri)}: an SQLite store needs a file; allowed: {_ALLOWED}")
    database = Path.cwd() / match[2]
    if problem := _problem(database):
        raise ValueError(f"{_named(uri)}: {problem}")
    return StoreAddress(f"{match[1]}:///{database}", database, database.parent / "mlartifacts")


def _problem(database: Path) -> str | None:
    """Return why the file cannot be a store."""
    folder = database.parent
    if not folder.is_dir():
        return f"{folder} is not an existing folder"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"the folder {folder} is read-only"
    if not database.exists():
        return None
    if not database.is_file():
        return f"{database} is not a file"
    if not os.access(database, os.R_OK | os.W_OK):
        return f"{database} is read-only"
    return _content_problem(database)


def _content_problem(database: Path) -> str | None:
    """Return why MLflow cannot work with what the file holds. Only SQLite may open it: closing it otherwise would release its locks."""
    try:
        with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True, timeout=0)) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            row = connection.execute(VERSION).fetchone() if "alembic_version" in tables else None
    except sqlite3.OperationalError:  # it is locked, perhaps for a moment
        return None
    except sqlite3.DatabaseError as error:
        return str(error)
    return schema_problem(tables, str(row[0]) if row else None)
