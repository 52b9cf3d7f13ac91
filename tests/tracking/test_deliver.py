"""`python -m fedrec.tracking.deliver`: what runs have left in their folders comes to MLflow, whole and once."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from fedrec.tracking import deliver
from fedrec.tracking.id_maps import for_mlflow
from fedrec.tracking.mlflow import leftovers
from fedrec.tracking.mlflow.metric_files import MetricFiles
from fedrec.tracking.mlflow.run_record import Ending, command, locked, record_ending
from tests.cli.program import ENVIRONMENT
from tests.tracking.runs import SUMMARY, info, left_in, tracker
from tests.tracking.stores import history, stored

LOSS = {1: 1.0, 2: 1 / 2, 3: 1 / 3}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliver, "_RETRY_SECONDS", 0.0)


def left(folder: Path, ending: Ending | None = None, uri: str = "sqlite:///mlflow.db", **options: object) -> Path:
    """Leave what a run of three rounds leaves when MLflow has heard nothing of it; return its tracking folder."""
    watcher, told = tracker(uri=uri, **options), info(folder)
    files = MetricFiles(folder, for_mlflow(told), watcher._description(told))
    for round, value in LOSS.items():
        files.add(round, {"loss": value})
    files.add_snapshot(1, told.popularity.numpy().astype("float32"))
    files.close()
    if ending:
        record_ending(files.folder, ending)
    files.release()
    return files.folder


def assert_whole(folder: Path, status: str) -> tuple[MlflowClient, Run]:
    """Check the only run of the store: every metric and picture is there, once."""
    client, (run,) = stored(folder)
    assert (run.info.status, run.data.tags["delivery"]) == (status, "complete")
    entries = client.get_metric_history(run.info.run_id, "loss")
    assert {entry.step: entry.value for entry in entries} == LOSS and len(entries) == len(LOSS)
    images = [file.path for file in client.list_artifacts(run.info.run_id, "images")]
    assert len(images) == 2  # a picture and its small version
    assert len(run.inputs.dataset_inputs) == 1
    return client, run


def test_a_run_that_mlflow_has_never_heard_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = left(tmp_path / "outputs" / "run", Ending("FINISHED", SUMMARY, 2_000_000_000_000))
    assert deliver.main([str(tmp_path / "outputs")]) == 0
    client, run = assert_whole(tmp_path, "FINISHED")
    assert run.info.end_time == 2_000_000_000_000
    assert history(client, run, "best/ER_at_10") == {0: 0.875}
    assert f"delivered: {folder}: run {run.info.run_id} in sqlite:///{tmp_path}/mlflow.db" in capsys.readouterr().out
    assert not left_in(tmp_path / "outputs" / "run")
    assert deliver.main(["outputs"]) == 0
    assert capsys.readouterr().out == "nothing is left to deliver\n"


def test_a_run_that_was_killed_is_delivered_as_killed(tmp_path: Path) -> None:
    left(tmp_path / "run")
    assert deliver.main(["run"]) == 0
    client, run = assert_whole(tmp_path, "KILLED")
    (last,) = [entry.timestamp for entry in client.get_metric_history(run.info.run_id, "loss") if entry.step == 3]
    assert run.info.end_time == last


def test_whatever_has_arrived_already_does_not_arrive_twice(tmp_path: Path) -> None:
    """The writer died after its last word to MLflow, and before it removed the files."""
    left(tmp_path / "run", Ending("FINISHED", SUMMARY, 2_000_000_000_000))
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    assert deliver.main(["run"]) == 0
    _, before = assert_whole(tmp_path, "FINISHED")
    assert deliver.main(["copy"]) == 0
    client, after = assert_whole(tmp_path, "FINISHED")
    assert before.info.run_id == after.info.run_id
    repeated = {name: len(client.get_metric_history(after.info.run_id, name)) for name in after.data.metrics}
    assert {name for name, number in repeated.items() if number > 1} == {"loss"}


def test_what_a_failing_store_did_not_take(tmp_path: Path) -> None:
    """The artifacts cannot be written at first."""
    left(tmp_path / "run", Ending("FINISHED"))
    (tmp_path / "mlartifacts").touch()
    assert deliver.main(["run"]) == 1
    assert stored(tmp_path)[1][0].info.status == "FAILED"
    (tmp_path / "mlartifacts").unlink()
    assert deliver.main(["run"]) == 0
    assert_whole(tmp_path, "FINISHED")


@pytest.mark.parametrize("name", ["run.lock", "writer.lock"])
def test_a_run_that_goes_on_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    folder = left(tmp_path / "run")
    lock = locked(folder / name)
    assert deliver.main(["run"]) == 1
    assert f"left alone, because the run goes on: {folder}" in capsys.readouterr().out
    lock.release()
    assert deliver.main(["run"]) == 0
    assert_whole(tmp_path, "KILLED")


def test_the_next_run_in_the_same_folder_delivers_what_the_first_has_left(tmp_path: Path) -> None:
    """So does the repetition of a trial or of a cell."""
    left(tmp_path / "run")
    watcher = tracker()
    watcher.on_run_start(info(tmp_path / "run"))
    watcher.on_run_end("FINISHED", {})
    _, runs = stored(tmp_path)
    assert sorted(run.info.status for run in runs) == ["FINISHED", "KILLED"]
    assert not left_in(tmp_path / "run")


def test_a_store_that_cannot_be_opened_is_tried_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("FEDREC_STORE", "sqlite:///mlflow.db")
    tried, opened = [], leftovers.Delivery
    monkeypatch.setattr(leftovers, "Delivery", lambda description, report: tried.append(description) or opened(description, report))
    for number in range(3):
        left(tmp_path / str(number), uri="http://me:secret@127.0.0.1:9")
    assert deliver.main(["."]) == 1
    told = capsys.readouterr()
    assert told.err.count("Connection refused") == 3
    assert len(tried) == 1
    assert "secret" not in told.err + "".join(path.read_text() for path in tmp_path.rglob("run.json"))
    assert deliver.main([".", "--uri", "${oc.env:FEDREC_STORE}"]) == 0
    assert len(stored(tmp_path)[1]) == 3


def test_damaged_files_cost_no_other_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damaged = left(tmp_path / "a")
    (damaged / "run.json").write_text("{")
    left(tmp_path / "b")
    assert deliver.main(["."]) == 1
    assert f"not delivered: {damaged}: " in capsys.readouterr().err
    assert_whole(tmp_path, "KILLED")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["none"], "error: none is not a folder"),
        ([".", "--uri", "x"], "not the address of an"),
        ([".", "--uri", "${oc.env:FEDREC_NOTHING}"], "Environment variable 'FEDREC_NOTHING' not found"),
    ],
)
def test_bad_input(capsys: pytest.CaptureFixture[str], arguments: list[str], told: str) -> None:
    assert deliver.main(arguments) == 2
    assert told in capsys.readouterr().err


@pytest.mark.slow
def test_the_command_that_a_failed_delivery_prints(tmp_path: Path) -> None:
    folder = left(tmp_path / "a run")
    _, *rest = shlex.split(command(folder))
    ended = subprocess.run([sys.executable, *rest], env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.startswith(f"delivered: {folder}: run ")
    assert_whole(tmp_path, "KILLED")
