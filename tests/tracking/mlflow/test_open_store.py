import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from fedrec.tracking.mlflow import open_store
from fedrec.tracking.mlflow.open_store import one_line, open_experiment
from fedrec.tracking.mlflow.store_uri import locate_store
from tests.tracking.runs import play, tracker
from tests.tracking.stores import stored

MLFLOW_DB = "sqlite:///mlflow.db"


def query(database: Path, text: str) -> list[tuple]:
    with sqlite3.connect(database) as connection:
        return connection.execute(text).fetchall()


def test_an_experiment_is_made_once() -> None:
    description = locate_store(MLFLOW_DB).describe("trial")
    client, first = open_experiment(description)
    assert open_experiment(description)[1] == first
    assert client.get_experiment(first).artifact_location == description["artifact_location"]
    assert not Path("mlflow.db.lock").exists()


def test_a_store_that_is_not_made_whole_stays_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(uri: str) -> None:
        raise OSError("no space")

    monkeypatch.setattr(open_store, "MlflowClient", full)
    with pytest.raises(OSError, match="no space"):
        open_experiment(locate_store("sqlite:///new.db").describe("trial"))
    assert query(tmp_path / "new.db", "SELECT name FROM sqlite_master") == []


def test_another_store_in_the_same_place(tmp_path: Path, empty_store: Path) -> None:
    description = locate_store(MLFLOW_DB).describe("trial")
    open_experiment(description)
    (tmp_path / "mlflow.db").rename(tmp_path / "old.db")
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    client, experiment = open_experiment(description)
    run = client.create_run(experiment)
    listed = "import sqlite3; print(sqlite3.connect('mlflow.db').execute('SELECT run_uuid FROM runs').fetchall())"
    answer = subprocess.run([sys.executable, "-c", listed], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == str([(run.info.run_id,)])


@pytest.mark.slow
def test_four_runs_create_one_store_at_the_same_time(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").unlink()
    watchers = [tracker() for _ in range(4)]
    for number, watcher in enumerate(watchers):
        play(watcher, tmp_path / str(number))
    answers = [watcher.on_run_end("FINISHED", {}) for watcher in watchers]
    _, runs = stored(tmp_path)
    assert {run.info.run_id for run in runs} == {answer["mlflow_run_id"] for answer in answers}
    assert len(runs) == 4
    assert all(run.data.metrics["ER_at_10"] == 0.75 for run in runs)


def test_an_error_in_one_line_without_a_password() -> None:
    error = RuntimeError("SQL")
    error.__cause__ = ValueError("postgresql://me:secret@host/runs is away\nmore")
    assert one_line(error) == "postgresql://me:***@host/runs is away"
    assert one_line(KeyError()) == "KeyError"
