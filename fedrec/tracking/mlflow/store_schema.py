"""Whether the tables of a database are those of the installed MLflow, found out without importing MLflow, which takes seconds."""

import functools
import re
from collections.abc import Collection
from importlib.util import find_spec
from pathlib import Path

VERSION = "SELECT version_num FROM alembic_version"  # the query for the revision of a store
_ITS_TABLES = {"alembic_version", "experiments", "runs", "metrics"}
_SHOWN = 3  # tables that a message names


def schema_problem(tables: Collection[str], revision: str | None) -> str | None:
    """Return why MLflow cannot work with these tables, or None. An empty database is a store that is still to be made."""
    if not tables:
        return None
    if not _ITS_TABLES.issubset(tables):
        return f"its tables are not MLflow's ({', '.join(sorted(tables)[:_SHOWN])}); choose another database"
    known, latest = _revisions()
    if revision in latest or not known:
        return None
    if revision in known:
        return "its tables are those of an older MLflow; make a backup, then run `mlflow db upgrade` with this address"
    return "its tables are those of a newer MLflow than the installed one; update MLflow or choose another database"


@functools.cache
def _revisions() -> tuple[set[str], set[str]]:
    """Return the revisions of the tables that the installed MLflow knows, and the latest one of them."""
    spec = find_spec("mlflow")
    folders = spec.submodule_search_locations if spec else None
    files = [path for folder in folders or () for path in Path(folder, "store", "db_migrations", "versions").glob("*.py")]
    texts = [path.read_text(encoding="utf-8") for path in files]
    names = ("revision", "down_revision")
    known, earlier = ({found for text in texts for found in re.findall(rf'^{name} = "(\w+)"', text, re.MULTILINE)} for name in names)
    return known, known - earlier
