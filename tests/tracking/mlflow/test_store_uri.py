from pathlib import Path

import pytest

from fedrec.tracking.mlflow.store_uri import locate_store
from tests.tracking.runs import tracker


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
    ],
)
def test_bad_addresses_are_told_before_the_run(tmp_path: Path, uri: str, trouble: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match=r"tracking\.uri") as caught:
        tracker(uri=uri)
    assert trouble in str(caught.value)
    assert "\n" not in str(caught.value)
