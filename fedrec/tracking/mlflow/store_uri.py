"""Address of an MLflow store: made absolute and checked cheaply, before any training."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

_ALLOWED = "sqlite:///FILE, http(s)://SERVER or postgresql://USER@HOST/DATABASE"
_DATABASES = ("postgresql", "mysql", "mssql")


@dataclass(frozen=True, slots=True)
class StoreAddress:
    uri: str  # absolute
    database: Path | None  # the SQLite file, None for a server
    artifacts: Path | None  # folder of all artifacts, None = the server decides

    @property
    def public_uri(self) -> str:
        """The address without a password."""
        return without_password(self.uri)

    def artifact_location(self, experiment: str) -> str | None:
        """Where a new experiment keeps its artifacts, as file URI."""
        if self.artifacts is None:
            return None
        return (self.artifacts / re.sub(r"[^\w.-]", "_", experiment)).as_uri()


def without_password(uri: str) -> str:
    """
    >>> without_password("postgresql://me:secret@host/runs")
    'postgresql://me:***@host/runs'
    """
    return re.sub(r"(://[^:/@]*):[^@/]*@", r"\1:***@", uri)


def locate_store(uri: str) -> StoreAddress:
    """Resolve `uri` against the working directory.

    Raises ValueError, one line, if it is malformed or its SQLite file cannot be written.
    """
    parts = urlsplit(uri)
    kind = parts.scheme.split("+")[0]
    if kind == "sqlite":
        return _locate_sqlite(uri)
    if kind in ("http", "https") and parts.hostname:
        return StoreAddress(uri, None, None)
    if kind in _DATABASES and (parts.hostname or parts.path.strip("/")):
        return StoreAddress(uri, None, Path.cwd() / "mlartifacts")
    raise ValueError(f"tracking.uri={without_password(uri)}: not the address of an MLflow store; allowed: {_ALLOWED}")


def _locate_sqlite(uri: str) -> StoreAddress:
    match = re.fullmatch(r"(sqlite(?:\+\w+)?):///([^?#]+)", uri)
    if match is None or match[2] == ":memory:":
        raise ValueError(f"tracking.uri={uri}: an SQLite store needs a file; allowed: {_ALLOWED}")
    database = Path.cwd() / match[2]
    trouble = _file_trouble(database)
    if trouble:
        raise ValueError(f"tracking.uri={uri}: {trouble}")
    return StoreAddress(f"{match[1]}:///{database}", database, database.parent / "mlartifacts")


def _file_trouble(database: Path) -> str | None:
    """Does not open the file: closing it would take away the locks that this process may hold on it."""
    folder = database.parent
    if not folder.is_dir():
        return f"{folder} is not an existing folder"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"the folder {folder} is read-only"
    if not database.exists():
        return None
    if not database.is_file():
        return f"{database} is not a file"
    return None if os.access(database, os.R_OK | os.W_OK) else f"{database} is read-only"
