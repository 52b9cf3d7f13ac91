"""Whole runs through the real writer process into a real SQLite store, read back with MLflow's own client."""

import json
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import pytest
from mlflow.entities import Run
from PIL import Image

from fedrec.tracking.mlflow import tracker as mlflow_tracker
from tests.tracking.runs import SUMMARY, delta_norm, info, play, result, tracker, wait_until
from tests.tracking.stores import history, run_program, stored


@pytest.fixture(autouse=True)
def working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    folder = tmp_path_factory.mktemp("finished")
    watcher = tracker(uri=f"sqlite:///{folder}/mlflow.db", tags={"study": 7})
    play(watcher, folder / "run")
    return folder, dict(watcher.on_run_end("FINISHED", SUMMARY))


def test_run_says_what_it_is(finished: tuple[Path, dict]) -> None:
    folder, answer = finished
    client, (run,) = stored(folder)
    assert answer == {"mlflow_run_id": run.info.run_id, "mlflow_uri": f"sqlite:///{folder}/mlflow.db"}
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "pieck_uea-ours-mf-tiny-seed3"
    assert run.data.params["attack.N"] == "50"
    assert run.data.params["attack.targets"] == "[1, 2]"
    assert run.data.params["many.option_149"] == "149"
    assert len(run.data.params["dataset.root"]) == 6000
    tags = {"attack": "pieck_uea", "defense": "ours", "model": "mf", "dataset": "tiny", "study": "7", "data_checksum": "c" * 64}
    assert tags.items() <= run.data.tags.items()
    (data,) = run.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == ("tiny", "c" * 36)
    assert json.loads(data.dataset.profile)["users"] == 9
    assert client.get_experiment(run.info.experiment_id).artifact_location == (folder / "mlartifacts" / "trial").as_uri()


def test_every_round_and_evaluation_arrives(finished: tuple[Path, dict]) -> None:
    client, (run,) = stored(finished[0])
    assert history(client, run, "loss") == {round: 1 / round for round in range(1, 7)}
    assert history(client, run, "uploads") == {round: 10.0 * round for round in range(1, 7)}
    assert history(client, run, "epoch") == {2: 1, 4: 2, 6: 3}
    assert history(client, run, "round_seconds")[1] == 0.25
    assert history(client, run, "seconds_training") == {2: 1.5, 4: 3.5, 6: 5.5}  # the mean over the rounds of an epoch
    assert history(client, run, "ER_at_10") == {2: 0.25, 4: 0.5, 6: 0.75}
    assert history(client, run, "best/ER_at_10") == {6: 0.875}
    assert run.data.metrics["seconds/total"] == 1.5


def test_artifacts(finished: tuple[Path, dict], tmp_path: Path) -> None:
    folder, _ = finished
    _, (run,) = stored(folder)
    artifacts = folder / "mlartifacts" / "trial" / run.info.run_id / "artifacts"
    assert json.loads((artifacts / "summary.json").read_text()) == {**SUMMARY, "mlflow_run_id": run.info.run_id}
    names = {path.name for path in (artifacts / "delta_norm").iterdir()}
    assert names == {"fig4.png"} | {f"round_000{round}.{kind}" for round in (2, 4, 6) for kind in ("parquet", "png")}
    table = pd.read_parquet(artifacts / "delta_norm" / "round_0004.parquet")
    assert list(table) == ["item", "popularity_rank", "delta_norm"]
    assert table["popularity_rank"].tolist() == list(range(40, 0, -1))
    assert table["delta_norm"].tolist() == delta_norm(4).tolist()
    steps = {path.name.split("+")[2] for path in (artifacts / "images").glob("delta_norm+step+*.png")}
    assert steps == {"2", "4", "6"}
    for path in [*artifacts.rglob("*.png"), *artifacts.rglob("*.webp")]:
        with Image.open(path) as image:
            assert len(image.convert("RGB").getcolors(1 << 20) or []) > 10


def test_nothing_stays_in_the_run_folder(finished: tuple[Path, dict]) -> None:
    assert list((finished[0] / "run").iterdir()) == []


def test_snapshots_are_taken_at_the_rounds_listed_then_at_regular_ones(tmp_path: Path) -> None:
    """Multiples of `snapshot_every` count only after the last round listed; the last round always does."""
    watcher = tracker(snapshot_rounds=[1, 6], snapshot_every=4)
    play(watcher, tmp_path / "run", n_rounds=13)
    watcher.on_run_end("FINISHED", SUMMARY)
    _, (run,) = stored(tmp_path)
    artifacts = tmp_path / "mlartifacts" / "trial" / run.info.run_id / "artifacts" / "delta_norm"
    assert sorted(int(path.stem[6:]) for path in artifacts.glob("round_*.parquet")) == [1, 6, 8, 12, 13]


def test_run_that_stops_early_keeps_its_last_snapshot(tmp_path: Path) -> None:
    watcher = tracker()
    play(watcher, tmp_path / "run", n_rounds=3)
    watcher.on_run_end("FAILED", {})
    client, (run,) = stored(tmp_path)
    assert run.info.status == "FAILED"
    assert history(client, run, "loss").keys() == {1, 2, 3}
    assert history(client, run, "seconds_training") == {2: 1.5, 3: 3.0}
    assert (tmp_path / "mlartifacts" / "trial" / run.info.run_id / "artifacts" / "delta_norm" / "round_0003.parquet").exists()


def test_end_without_start_is_harmless() -> None:
    assert tracker().on_run_end("FAILED", {})["mlflow_run_id"] is None


def test_killed_run_ends_as_killed_with_its_metrics(tmp_path: Path) -> None:
    program = """
import os, signal, sys, time
from pathlib import Path
from typing import Any
from tests.tracking.runs import play, tracker, wait_until
play(tracker(snapshot_every=None), Path("run"), n_rounds=1500)
wait_until(lambda: "\\n1500,HR@10," in Path("run/tracking/metrics.csv").read_text())
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert run_program(program).returncode == -9
    run = _wait_for_end(tmp_path)
    client, _ = stored(tmp_path)
    assert run.info.status == "KILLED"
    assert len(client.get_metric_history(run.info.run_id, "loss")) == 1500
    assert len(client.get_metric_history(run.info.run_id, "ER_at_10")) == 750


def _wait_for_end(folder: Path) -> Run:
    for _ in range(120):
        time.sleep(0.5)
        if not any((folder / "run").glob("tracking*")):
            _, (run,) = stored(folder)
            return run
    raise AssertionError("the writer did not end")


@pytest.mark.slow
def test_four_runs_create_one_store_at_the_same_time(tmp_path: Path) -> None:
    watchers = [tracker() for _ in range(4)]
    for number, watcher in enumerate(watchers):
        play(watcher, tmp_path / str(number))
    answers = [watcher.on_run_end("FINISHED", {}) for watcher in watchers]
    _, runs = stored(tmp_path)
    assert {run.info.run_id for run in runs} == {answer["mlflow_run_id"] for answer in answers}
    assert len(runs) == 4
    assert all(run.data.metrics["ER_at_10"] == 0.75 for run in runs)


def locked(database: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN EXCLUSIVE")
    return connection


def test_store_that_is_locked_for_a_while(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    lock = locked(tmp_path / "mlflow.db")
    watcher = tracker()
    play(watcher, tmp_path / "run")
    assert watcher._writer is not None
    wait_until(lambda: watcher._writer._trouble)
    timer = threading.Timer(2, lock.close)
    timer.start()
    answer = watcher.on_run_end("FINISHED", SUMMARY)
    client, (run,) = stored(tmp_path)
    assert answer["mlflow_run_id"] == run.info.run_id
    assert len(history(client, run, "loss")) == 6
    assert "database is locked; trying again" in capfd.readouterr().err


def test_store_that_stays_locked(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow_tracker, "_RETRY_SECONDS", 1.0)
    lock = locked(tmp_path / "mlflow.db")
    watcher = tracker()
    play(watcher, tmp_path / "run")
    answer = watcher.on_run_end("FINISHED", SUMMARY)
    lock.close()
    assert answer["mlflow_run_id"] is None
    kept = tmp_path / "run" / "tracking"
    (last_line,) = capfd.readouterr().err.splitlines()[-1:]
    assert "did not take the run (database is locked)" in last_line
    assert str(kept) in last_line
    metrics = pd.read_csv(kept / "metrics.csv")
    assert metrics[metrics["metric"] == "loss"]["value"].tolist() == [1 / round for round in range(1, 7)]
    assert metrics[metrics["metric"] == "ER@10"]["round"].tolist() == [2, 4, 6]
    assert {path.name for path in (kept / "delta_norm").iterdir()} == {f"round_000{round}.parquet" for round in (2, 4, 6)}


def test_full_disk_leaves_a_usable_store(tmp_path: Path) -> None:
    full = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))"  # of each file, in bytes
    program = f"""
from pathlib import Path
from typing import Any
from fedrec.tracking.mlflow import tracker as mlflow_tracker
mlflow_tracker._RETRY_SECONDS = 0.5
from tests.tracking.runs import play, tracker
{full}
watcher = tracker(snapshot_rounds=[], snapshot_every=None)
play(watcher, Path("run"))
print(watcher.on_run_end("FINISHED", {{}})["mlflow_run_id"])
"""
    ended = run_program(program, capture_output=True, text=True)
    assert ended.stdout.strip() == "None"
    assert "did not take the run (" in ended.stderr
    assert "6,loss," in (tmp_path / "run" / "tracking" / "metrics.csv").read_text()
    watcher = tracker()
    watcher.on_run_start(info(tmp_path / "later"))
    assert watcher.on_run_end("FINISHED", {})["mlflow_run_id"] is not None


def test_a_run_that_does_not_arrive_whole_is_ended_in_the_store_all_the_same(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here a snapshot's table can never be written, as on a full disk."""
    monkeypatch.setattr(mlflow_tracker, "_RETRY_SECONDS", 0.5)
    watcher = tracker()
    watcher.on_run_start(info(tmp_path / "run"))
    (tmp_path / "run" / "tracking" / "delta_norm" / "round_0001.parquet").mkdir()
    watcher.on_round_end(result(1))
    answer = watcher.on_run_end("KILLED", SUMMARY)
    assert answer["mlflow_run_id"] is None
    assert "did not take the run (" in capfd.readouterr().err
    assert "1,loss,1.0," in (tmp_path / "run" / "tracking" / "metrics.csv").read_text()
    client, (run,) = stored(tmp_path)
    assert run.info.status == "KILLED"
    assert history(client, run, "loss") == {1: 1.0}


def test_writer_that_dies(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    watcher = tracker()
    watcher.on_run_start(info(tmp_path / "run"))
    assert watcher._writer is not None
    watcher._writer._writer.process.kill()
    watcher.on_round_end(result(1))
    assert watcher.on_run_end("FINISHED", SUMMARY)["mlflow_run_id"] is None
    assert "its writer ended with status -9" in capfd.readouterr().err
    assert "1,loss,1.0," in (tmp_path / "run" / "tracking" / "metrics.csv").read_text()


def test_unreachable_server(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow_tracker, "_RETRY_SECONDS", 0.5)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    watcher = tracker(uri="http://me:secret@127.0.0.1:9")
    play(watcher, tmp_path / "run")
    answer = watcher.on_run_end("FINISHED", SUMMARY)
    assert answer == {"mlflow_run_id": None, "mlflow_uri": "http://me:***@127.0.0.1:9"}
    assert (tmp_path / "run" / "tracking" / "metrics.csv").exists()
    told = capfd.readouterr().err
    assert "Connection refused" in told
    assert "secret" not in told


def test_run_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = info(tmp_path / "run")
    (tmp_path / "run").rmdir()
    (tmp_path / "run").touch()
    with pytest.raises(ValueError, match=r"tracking cannot start in the run folder .*run"):
        tracker().on_run_start(told)


def test_the_run_itself_never_imports_mlflow() -> None:
    program = "import sys, fedrec.tracking.mlflow.tracker; print({'mlflow', 'matplotlib', 'pandas', 'pyarrow'} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert answer.stdout.strip() == "set()"
