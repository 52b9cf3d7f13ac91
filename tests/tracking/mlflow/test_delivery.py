"""Deliveries in this process: from the files of a run to a store that does not always take them."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow.tracking import MlflowClient

from fedrec.tracking.mlflow.delivery import Delivery
from fedrec.tracking.mlflow.metric_files import MetricFiles
from tests.tracking.runs import N_ITEMS, info, tracker
from tests.tracking.stores import history, locked, stored


def delivery(
    folder: Path, news: list[dict[str, Any]], retry_seconds: float = 0.0, uri: str = "sqlite:///mlflow.db", ended: bool = True
) -> Delivery:
    """Of a run of three rounds with a snapshot of the first, which has ended or goes on. `news` takes what it reports."""
    files = MetricFiles(info(folder).folder, np.arange(N_ITEMS), np.arange(1, N_ITEMS + 1))
    for round in (1, 2, 3):
        files.add(round, {"loss": 1 / round})
    files.add_snapshot(1, np.ones(N_ITEMS, np.float32))
    files.close()
    description = {**tracker(uri=uri)._description(info(folder), files), "retry_seconds": retry_seconds}
    delivered = Delivery(description, lambda **told: news.append(told))
    if ended:
        delivered._ended.set()
    return delivered


def test_a_store_that_is_locked_for_a_while(tmp_path: Path) -> None:
    news: list[dict[str, Any]] = []
    lock = locked(tmp_path / "mlflow.db")
    delivered = delivery(tmp_path / "run", news, retry_seconds=1e9)
    report = delivered._report

    def unlock(**told: Any) -> None:
        report(**told)
        lock.close()

    delivered._report = unlock  # type: ignore[method-assign]
    delivered.complete()
    client, (run,) = stored(tmp_path)
    assert news[0] == {"trouble": "database is locked"}
    assert news[-1] == {"done": True}
    assert history(client, run, "loss") == {round: 1 / round for round in (1, 2, 3)}
    assert not list((tmp_path / "run").iterdir())


def test_a_store_that_stays_locked(tmp_path: Path) -> None:
    news: list[dict[str, Any]] = []
    lock = locked(tmp_path / "mlflow.db")
    delivery(tmp_path / "run", news).complete()
    lock.close()
    assert news == [{"trouble": "database is locked"}, {"failed": "database is locked"}]
    assert "3,loss," in (tmp_path / "run" / "tracking" / "metrics.csv").read_text()


def test_a_run_that_does_not_arrive_whole_is_ended_in_the_store_all_the_same(tmp_path: Path) -> None:
    """Here a snapshot's table can never be written, as on a full disk."""
    news: list[dict[str, Any]] = []
    delivered = delivery(tmp_path / "run", news)
    (tmp_path / "run" / "tracking" / "delta_norm" / "round_0001.parquet").mkdir()
    delivered.complete()
    assert news[-1].keys() == {"failed"}
    client, (run,) = stored(tmp_path)
    assert run.info.status == "KILLED"
    assert history(client, run, "loss").keys() == {1, 2, 3}
    assert "3,loss," in (tmp_path / "run" / "tracking" / "metrics.csv").read_text()


def test_what_can_never_succeed_is_not_tried_again(tmp_path: Path) -> None:
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    client.delete_experiment(client.create_experiment("trial"))
    news: list[dict[str, Any]] = []
    delivery(tmp_path / "run", news, retry_seconds=1e9).complete()
    assert news[-1] == {"failed": "the experiment trial was deleted; restore it or choose another tracking.experiment"}


def test_a_server_that_cannot_be_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    news: list[dict[str, Any]] = []
    delivery(tmp_path / "run", news, uri="http://me:secret@127.0.0.1:9").complete()
    assert "Connection refused" in news[-1]["failed"]
    assert "secret" not in str(news)


@pytest.mark.parametrize(
    ("line", "status", "rounds"),
    [
        (json.dumps({"status": "FINISHED", "summary": {"rounds": 3}}) + "\n", "FINISHED", {3: 3.0}),
        ('{"status": "FINI', "KILLED", {}),
        ("", "KILLED", {}),
    ],
)
def test_standard_input_says_how_the_run_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, status: str, rounds: dict[int, float]
) -> None:
    """A run that was killed has sent nothing, or half a line."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(line))
    news: list[dict[str, Any]] = []
    delivered = delivery(tmp_path / "run", news, ended=False)
    delivered.follow()
    delivered.complete()
    client, (run,) = stored(tmp_path)
    assert run.info.status == status
    assert history(client, run, "rounds") == rounds
    assert [told["snapshot"] for told in news if "snapshot" in told] == [1]
