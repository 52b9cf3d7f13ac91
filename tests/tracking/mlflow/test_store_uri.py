import contextlib
import sqlite3
from pathlib import Path

import pytest

from fedrec.tracking.mlflow.store_uri import locate_store
from tests.tracking.runs import tracker
from tests.tracking.stores import locked


def test_sqlite_files_lie_in_the_working_directory(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    address = locate_store("sqlite:///runs/a.db")
    assert address.uri == f"sqlite:///{tmp_path}/runs/a.db"
    assert address.database == tmp_path / "runs" / "a.db"
    assert address.describe("my study/1")["artifact_location"] == f"file://{tmp_path}/runs/mlartifacts/my_study_1"
    assert locate_store(f"sqlite:///{tmp_path}/b.db").database == tmp_path / "b.db"


def test_servers_are_taken_as_they_are(tmp_path: Path) -> None:
    assert locate_store("https://host:5000").describe("x")["artifact_location"] is None
    assert locate_store("http://host").database is None
    assert locate_store("postgresql+psycopg2://me:secret@host/runs").public_uri == "postgresql+psycopg2://me:***@host/runs"
    assert locate_store("postgresql://host/runs").describe("x")["artifact_location"] == f"file://{tmp_path}/mlartifacts/x"


@pytest.mark.parametrize(
    ("uri", "trouble"),
    [
        ("mlflow.db", "not the address of an MLflow store; allowed: sqlite:///FILE, http"),
        ("", "not the address"),
        ("sqlite://mlflow.db", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("http://", "not the address"),
        ("./mlruns", "not the address"),
        ("ftp://host/x", "not the address"),
        ("sqlite:///missing/mlflow.db", "missing is not an existing folder"),
        ("sqlite:///file/mlflow.db", "file is not an existing folder"),
        ("sqlite:///folder", "folder is not a file"),
        ("http://host:99999", "Port out of range 0-65535"),
        ("postgresql://me:secret@host:port/runs", "me:***@host:port/runs: Port could not be cast"),
        ("http://[::1", "Invalid IPv6 URL"),
    ],
)
def test_bad_addresses_are_told_before_the_run(tmp_path: Path, uri: str, trouble: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match=r"tracking\.uri") as caught:
        tracker(uri=uri)
    assert trouble in str(caught.value)
    assert "\n" not in str(caught.value)


def change(database: Path, *commands: str) -> None:
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        for command in commands:
            connection.execute(command)


@pytest.mark.parametrize(
    ("changes", "trouble"),
    [
        (None, "file is not a database"),
        (["CREATE TABLE cookies (value)"], "its tables are not MLflow's (cookies); choose another database"),
        (
            ["PRAGMA journal_mode = WAL", "CREATE TABLE trials (id)", "CREATE TABLE alembic_version (version_num)"],
            "its tables are not MLflow's",
        ),
    ],
)
def test_files_that_hold_something_else_stay_as_they_are(tmp_path: Path, changes: list[str] | None, trouble: str) -> None:
    if changes is None:
        (tmp_path / "foreign.db").write_text("somebody's letters " * 100)
    else:
        change(tmp_path / "foreign.db", *changes)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match=r"tracking\.uri=sqlite:///foreign\.db") as caught:
        tracker(uri="sqlite:///foreign.db")
    assert trouble in str(caught.value)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("revision", "trouble"), [("451aebb31d03", "an older MLflow; make a backup, then run `mlflow"), ("ffff", "a newer MLflow")]
)
def test_stores_of_another_mlflow(tmp_path: Path, revision: str, trouble: str) -> None:
    change(tmp_path / "mlflow.db", f"UPDATE alembic_version SET version_num = '{revision}'")
    with pytest.raises(ValueError, match=trouble):
        tracker()


def test_stores_that_may_work(tmp_path: Path) -> None:
    """One of this MLflow, one that is still empty, and one that is locked for a moment."""
    (tmp_path / "empty.db").touch()
    for name in ("mlflow.db", "empty.db"):
        assert tracker(uri=f"sqlite:///{name}")
    lock = locked(tmp_path / "mlflow.db")
    assert tracker()
    lock.close()
