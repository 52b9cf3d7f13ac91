"""Runs that go on from a checkpoint, in a real SQLite store: one run there, no step twice, and it ends as its latest process says."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from fedrec.interfaces import Evaluation
from fedrec.tracking import deliver
from fedrec.tracking.mlflow import arrived
from fedrec.tracking.mlflow.arrived import Arrived, only_writer
from fedrec.tracking.mlflow.tracker import MLflowTracker
from tests.tracking.runs import SUMMARY, info, left_in, result, tracker, wait_until
from tests.tracking.stores import history, kill, process_of, stored

N_ROUNDS = 8  # of the whole run; the checkpoint is that of round 4


def play(watcher: MLflowTracker, folder: Path, last_round: int, before: int = 0) -> dict[str, Any]:
    """Rounds up to the last one, of a run that goes on after some rounds or not; return the state after round 4."""
    watcher.on_run_start(dataclasses.replace(info(folder, N_ROUNDS), rounds_before=before))
    state: dict[str, Any] = {}
    for round in range(1, last_round + 1):
        if round > before:
            watcher.on_round_end(result(round))
        if round % 2 == 0:
            watcher.on_evaluation(Evaluation(round, round // 2, {"ER@10": round / 8, "HR@10": 0.5}))
        if round == 4 > before:
            state = watcher.state_dict()
    return state


def lose_its_writer(watcher: MLflowTracker) -> None:
    """What a kill of the run and of its writer leaves."""
    kill(process_of(watcher))
    watcher._files.close()
    watcher._files.release()


def lose_the_run(watcher: MLflowTracker) -> None:
    """What a kill of the run leaves: the writer has its input closed and works on for a while."""
    watcher._files.close()
    watcher._files.release()
    process_of(watcher)._input.close()


def go_on(state: dict[str, Any], folder: Path, **options: Any) -> MLflowTracker:
    watcher = tracker(**options)
    watcher.load_state_dict(state)
    play(watcher, folder, N_ROUNDS, before=4)
    return watcher


def assert_whole(client: MlflowClient, run: Run) -> None:
    assert (run.info.status, run.data.tags["delivery"]) == ("FINISHED", "complete")
    for name, expected in {
        "loss": {round: 1 / round for round in range(1, N_ROUNDS + 1)},
        "ER_at_10": {round: round / 8 for round in range(2, N_ROUNDS + 1, 2)},
        "epoch": {round: round // 2 for round in range(2, N_ROUNDS + 1, 2)},
        "seconds_training": {round: round - 0.5 for round in range(2, N_ROUNDS + 1, 2)},
    }.items():
        assert history(client, run, name) == expected
        assert len(client.get_metric_history(run.info.run_id, name)) == len(expected)
    assert run.data.metrics["loss"] == 1 / N_ROUNDS
    names = {Path(file.path).name for file in client.list_artifacts(run.info.run_id, "delta_norm")}
    assert names == {"fig4.png", *(f"round_000{round}.{kind}" for round in (2, 4, 8) for kind in ("parquet", "png"))}
    pictures = [file.path for file in client.list_artifacts(run.info.run_id, "images") if file.path.endswith(".png")]
    assert sorted(path.split("+step+")[1][0] for path in pictures) == ["2", "4", "8"]


@pytest.mark.parametrize("die", [lose_its_writer, pytest.param(lose_the_run, marks=pytest.mark.slow)])
@pytest.mark.parametrize("last_round", [4, pytest.param(7, marks=pytest.mark.slow)])
def test_a_run_goes_on_in_its_own_run(tmp_path: Path, die: Callable[[MLflowTracker], None], last_round: int) -> None:
    """Its process was killed right after the checkpoint, or some rounds later."""
    first = tracker()
    state = play(first, tmp_path / "first", last_round)
    wait_until(lambda: first._writer and first._writer.run_id)
    die(first)
    watcher = go_on(state, tmp_path / "second", run_name="another name", tags={"note": "new"})
    ended = watcher.on_run_end("FINISHED", SUMMARY)
    client, (run,) = stored(tmp_path)
    assert ended["mlflow_run_id"] == run.info.run_id
    assert_whole(client, run)
    assert (run.info.run_name, run.data.tags["note"]) == ("another name", "new")
    assert not left_in(tmp_path / "first") and not left_in(tmp_path / "second")


@pytest.mark.slow
def test_the_picture_of_all_snapshots_has_those_of_earlier_processes(tmp_path: Path) -> None:
    first = tracker()
    state = play(first, tmp_path / "first", 5)
    wait_until(lambda: first._writer and first._writer.run_id)
    lose_the_run(first)
    go_on(state, tmp_path / "second").on_run_end("FINISHED", SUMMARY)
    client, (run,) = stored(tmp_path)
    assert sorted(arrived.stored_strips(client, run.info.run_id, (4,))) == [2, 8]
    undisturbed = tracker(experiment="other")
    play(undisturbed, tmp_path / "other", N_ROUNDS)
    other = undisturbed.on_run_end("FINISHED", SUMMARY)["mlflow_run_id"]
    pictures = [Path(client.download_artifacts(run_id, "delta_norm/fig4.png")).read_bytes() for run_id in (run.info.run_id, other)]
    assert pictures[0] == pictures[1]


@pytest.mark.slow
def test_what_a_process_has_left_is_delivered_later_without_a_doubled_step(tmp_path: Path) -> None:
    """Nobody knows of the second process, which was killed before its first checkpoint; the run is as the third one says."""
    first = tracker()
    state = play(first, tmp_path / "first", 5)
    wait_until(lambda: first._writer and first._writer.run_id)
    lose_its_writer(first)
    second = go_on(state, tmp_path / "second")
    lose_its_writer(second)
    go_on(state, tmp_path / "third").on_run_end("FINISHED", SUMMARY)
    assert left_in(tmp_path / "second") == {"tracking"}
    client, (run,) = stored(tmp_path)
    assert_whole(client, run)
    assert deliver.main([str(tmp_path)]) == 0
    client, (run,) = stored(tmp_path)
    assert_whole(client, run)
    assert not left_in(tmp_path / "second")


@pytest.mark.slow
def test_nothing_is_forgotten_that_several_processes_have_left(tmp_path: Path) -> None:
    """The second one was killed after a checkpoint of its own, before its writer had delivered anything of the first one."""
    first = tracker()
    state = play(first, tmp_path / "first", 5)
    lose_its_writer(first)
    second = tracker()
    second.load_state_dict(state)
    second.on_run_start(dataclasses.replace(info(tmp_path / "second", N_ROUNDS), rounds_before=4))
    kill(process_of(second))
    for round in (5, 6):
        second.on_round_end(result(round))
    state = second.state_dict()
    lose_its_writer(second)
    third = tracker()
    third.load_state_dict(state)
    play(third, tmp_path / "third", N_ROUNDS, before=6)
    third.on_run_end("FINISHED", SUMMARY)
    client, (run,) = stored(tmp_path)
    assert_whole(client, run)
    assert not left_in(tmp_path / "first") and not left_in(tmp_path / "second")


@pytest.mark.slow
@pytest.mark.parametrize(("every_round", "status", "delivery"), [(False, "FINISHED", "complete"), (True, "FAILED", "incomplete")])
def test_a_run_that_goes_on_in_another_store_says_what_that_lacks(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], every_round: bool, status: str, delivery: str
) -> None:
    first = tracker()
    state = play(first, tmp_path / "first", 5)
    lose_the_run(first)
    capfd.readouterr()
    go_on(state, tmp_path / "second", experiment="other", every_round=every_round).on_run_end("FINISHED", SUMMARY)
    client, _ = stored(tmp_path)
    (run,) = client.search_runs([client.get_experiment_by_name("other").experiment_id])
    assert run.info.status == status and run.data.tags["delivery"].startswith(delivery)
    assert history(client, run, "ER_at_10").keys() == {2, 4, 6, 8}
    told = f"rounds 1 to 4 were logged to sqlite:///{tmp_path}/mlflow.db, experiment trial"
    assert (f"fedrec: MLflow gets only the rest of this run: {told}\n" in capfd.readouterr().err) == every_round
    assert run.data.tags["delivery"].endswith(told) == every_round


@pytest.mark.slow
def test_a_run_that_was_not_tracked_before_says_what_is_missing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    watcher = tracker()
    play(watcher, tmp_path / "run", N_ROUNDS, before=4)
    watcher.on_run_end("FINISHED", SUMMARY)
    _, (run,) = stored(tmp_path)
    assert (run.info.status, run.data.tags["delivery"]) == ("FAILED", "incomplete: rounds 1 to 4 were trained without MLflow")
    assert "fedrec: MLflow gets only the rest of this run: rounds 1 to 4 were trained without MLflow\n" in capfd.readouterr().err


def test_a_server_tells_the_same_of_every_metric(tmp_path: Path) -> None:
    """It has no engine that could be asked for all steps at once."""
    watcher = tracker()
    play(watcher, tmp_path / "run", 4)
    watcher.on_run_end("FINISHED", SUMMARY)
    client, (run,) = stored(tmp_path)
    server: Any = SimpleNamespace(_tracking_client=SimpleNamespace(store=object()), get_metric_history=client.get_metric_history)
    steps = arrived._steps(client, run)
    assert {("loss", 1), ("loss", 4), ("ER_at_10", 2), ("ER_at_10", 4)} <= steps == arrived._steps(server, run)


@pytest.mark.parametrize(("began", "is_superseded"), [(999, False), (1000, False), (1001, True)])
def test_the_process_that_began_last_decides(tmp_path: Path, began: int, is_superseded: bool) -> None:
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    run = client.create_run(client.create_experiment("mine"), tags={arrived.BEGAN: str(began)})
    assert Arrived.of(client, run.info.run_id, {"started": 1000}).is_superseded == is_superseded


def test_a_run_has_one_writer_at_a_time(tmp_path: Path) -> None:
    with only_writer("one"), only_writer("other"), pytest.raises(TimeoutError), only_writer("one", timeout=0):
        pass
    with only_writer("one", timeout=0):
        pass
