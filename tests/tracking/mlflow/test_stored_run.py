"""One run in a store: values that no longer are the latest of their metric arrive as those do that MLflow itself takes."""

import math
from collections.abc import Sequence
from pathlib import Path

import pytest
from mlflow.entities import Metric
from mlflow.tracking import MlflowClient

from fedrec.tracking.mlflow.metric_files import Row
from fedrec.tracking.mlflow.stored_run import StoredRun
from tests.tracking.runs import info, tracker

Values = list[tuple[int, float, int]]
ROWS = [
    *(Row(round, name, round / 7, 1000 + round) for round in range(1, 9) for name in ("ER@10", "loss")),
    Row(8, "loss", 0.5, 1008),  # again in the same round and millisecond: the higher value is the latest
    Row(8, "loss", 0.5, 1008),  # and the same line twice
    Row(7, "ER@10", 9.0, 2000),  # an earlier round at a later time
    Row(3, "late", math.nan, 1003),
    Row(4, "late", 1.0, 1004),
    Row(5, "late", math.inf, 1005),
]


def made(folder: Path) -> tuple[StoredRun, str]:
    stored = StoredRun({**tracker()._description(info(folder)), "folder": str(folder)})
    return stored, stored.setup()


def content(run_id: str, client: MlflowClient) -> tuple[dict[str, float], dict[str, Values]]:
    """The latest value and all values of every metric, as MLflow tells them."""
    latest = dict(sorted(client.get_run(run_id).data.metrics.items()))
    told = {name: client.get_metric_history(run_id, name) for name in latest}
    return latest, {name: sorted((one.step, one.value, one.timestamp) for one in values) for name, values in told.items()}


@pytest.mark.parametrize("sent", [[ROWS], [ROWS[:5], ROWS[5:]], [ROWS[:9], ROWS], [ROWS, ROWS]], ids=["once", "parts", "overlap", "twice"])
def test_rows_arrive_as_those_that_mlflow_takes(sent: list[list[Row]], tmp_path: Path) -> None:
    run, run_id = made(tmp_path / "run")
    _, expected = made(tmp_path / "expected")
    for rows in sent:
        run.log_rows(rows)
    names = {"ER@10": "ER_at_10"}
    metrics = [Metric(names.get(row.metric, row.metric), row.value, row.timestamp, row.round) for row in ROWS]
    run.client.log_batch(expected, metrics)
    assert repr(content(run_id, run.client)) == repr(content(expected, run.client))


def test_mlflow_is_asked_about_the_latest_values_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = made(tmp_path / "run")
    asked: list[int] = []
    log_batch = MlflowClient.log_batch

    def count(self: MlflowClient, run_id: str, metrics: Sequence[Metric]) -> None:
        asked.append(len(metrics))
        log_batch(self, run_id, metrics)

    monkeypatch.setattr(MlflowClient, "log_batch", count)
    run.log_rows([Row(round, name, round / 7, 1000 + round) for round in range(1, 101) for name in ("ER@10", "loss")])
    assert asked == [2]


def test_rows_whose_sending_fails_between_the_two_steps_arrive_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, run_id = made(tmp_path / "run")

    def fail(*arguments: object) -> None:
        raise ConnectionError("the store is gone")

    with monkeypatch.context() as patch:
        patch.setattr("fedrec.tracking.mlflow.stored_run.insert", fail)
        with pytest.raises(ConnectionError):
            run.log_rows(ROWS)
    run.log_rows(ROWS)
    expected = {(row.round, row.value, row.timestamp) for row in ROWS if row.metric == "loss"}
    assert content(run_id, run.client)[1]["loss"] == sorted(expected)
