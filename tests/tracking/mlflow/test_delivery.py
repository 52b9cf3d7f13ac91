"""Deliveries in this process: from the files of a run to a store that does not always take them."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow.tracking import MlflowClient

from fedrec.interfaces import Status
from fedrec.tracking.id_maps import ITEMS, USERS
from fedrec.tracking.mlflow.delivery import Delivery
from fedrec.tracking.mlflow.metric_files import MetricFiles
from fedrec.tracking.mlflow.run_record import Ending, command
from tests.tracking.runs import N_ITEMS, info, left_in, tracker
from tests.tracking.stores import history, locked, stored


def delivery(
    folder: Path, news: list[dict[str, Any]], retry_seconds: float = 0.0, uri: str = "sqlite:///mlflow.db", ended: bool = True
) -> Delivery:
    """Of a run of three rounds with a snapshot of the first, which has ended or goes on. `news` takes what it reports."""
    description = tracker(uri=uri)._description(info(folder))
    files = MetricFiles(folder, [ITEMS, USERS], description)
    for round in (1, 2, 3):
        files.add(round, {"loss": 1 / round})
    files.add_snapshot(1, np.ones(N_ITEMS, np.float32))
    files.close()
    files.release()
    told = {**description, "folder": str(files.folder), "retry_seconds": retry_seconds}
    delivered = Delivery(told, lambda **told: news.append(told))
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
    assert delivered.complete() == ""
    client, (run,) = stored(tmp_path)
    assert news[0] == {"trouble": "database is locked"}
    assert history(client, run, "loss") == {round: 1 / round for round in (1, 2, 3)}
    assert not left_in(tmp_path / "run")


def test_a_store_that_stays_locked(tmp_path: Path) -> None:
    news: list[dict[str, Any]] = []
    lock = locked(tmp_path / "mlflow.db")
    assert delivery(tmp_path / "run", news).complete() == "database is locked"
    lock.close()
    assert news == [{"trouble": "database is locked"}]
    assert "3,loss," in (tmp_path / "run" / "tracking" / "metrics.csv").read_text()


@pytest.mark.parametrize(("ended", "told"), [("FINISHED", "FAILED"), ("FAILED", "KILLED"), ("PRUNED", "KILLED")])
def test_a_run_that_does_not_arrive_whole_is_never_finished_in_the_store(tmp_path: Path, ended: Status, told: str) -> None:
    """Here no artifact can be written, as on a full disk."""
    (tmp_path / "mlartifacts").touch()
    delivered = delivery(tmp_path / "run", [])
    delivered.end(Ending(ended))
    assert delivered.complete() != ""
    client, (run,) = stored(tmp_path)
    assert run.info.status == told
    assert run.data.tags["delivery"] == f"incomplete: {command(tmp_path / 'run' / 'tracking')} brings what is missing"
    assert history(client, run, "loss").keys() == {1, 2, 3}
    assert "3,loss," in (tmp_path / "run" / "tracking" / "metrics.csv").read_text()


def test_what_a_full_disk_did_not_take_comes_with_the_ending(tmp_path: Path) -> None:
    """The file ends within a line."""
    delivered = delivery(tmp_path / "run", [])
    delivered._unwritten = {"rows": ".25,9\n5,loss,0.5,9\n", "snapshots": {"5": [0.0] * N_ITEMS}}
    with (tmp_path / "run" / "tracking" / "metrics.csv").open("a") as file:
        file.write("4,loss,0")
    delivered.complete()
    client, (run,) = stored(tmp_path)
    assert history(client, run, "loss") == {1: 1.0, 2: 1 / 2, 3: 1 / 3, 4: 0.25, 5: 0.5}
    assert {file.path for file in client.list_artifacts(run.info.run_id, "delta_norm")} >= {"delta_norm/round_0005.parquet"}


def test_a_run_that_has_lost_metrics_for_good_is_not_finished(tmp_path: Path) -> None:
    delivered = delivery(tmp_path / "run", [])
    delivered.end(Ending("FINISHED", {"rounds": 3}, lost="the disk was full"))
    delivered.complete()
    _, (run,) = stored(tmp_path)
    assert (run.info.status, run.data.tags["delivery"]) == ("FAILED", "incomplete: the disk was full")


def test_what_can_never_succeed_is_not_tried_again(tmp_path: Path) -> None:
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    client.delete_experiment(client.create_experiment("trial"))
    failure = delivery(tmp_path / "run", [], retry_seconds=1e9).complete()
    assert failure == "the experiment trial was deleted; restore it or choose another tracking.experiment"


def test_a_server_that_cannot_be_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    news: list[dict[str, Any]] = []
    failure = delivery(tmp_path / "run", news, uri="http://me:secret@127.0.0.1:9").complete()
    assert "Connection refused" in failure
    assert "secret" not in failure + str(news)


@pytest.mark.parametrize(
    ("line", "status", "rounds"),
    [
        (
            json.dumps({"ending": {"status": "FINISHED", "summary": {"rounds": 3}}, "unwritten": {"rows": "", "snapshots": {}}}) + "\n",
            "FINISHED",
            "3",
        ),
        ('{"ending": {"status": "FINI', "KILLED", None),
        ("", "KILLED", None),
    ],
)
def test_standard_input_says_how_the_run_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, status: str, rounds: str | None
) -> None:
    """A run that was killed has sent nothing, or half a line."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(line))
    news: list[dict[str, Any]] = []
    delivered = delivery(tmp_path / "run", news, ended=False)
    delivered.follow()
    delivered.complete()
    _, (run,) = stored(tmp_path)
    assert run.info.status == status
    assert run.data.tags.get("rounds") == rounds
    assert [told["snapshot"] for told in news if "snapshot" in told] == [1]


def test_which_pictures_have_arrived_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And again after one whose answer was lost: it has arrived, and MLflow would show it twice."""
    listed, logged, calls = MlflowClient.list_artifacts, MlflowClient.log_image, []

    def lose(self: MlflowClient, *arguments: Any, **named: Any) -> None:
        logged(self, *arguments, **named)
        calls.append(f"picture {named['step']}")
        if calls.count("picture 5") == 1 and named["step"] == 5:
            raise ConnectionError("the answer is lost")

    def find(self: MlflowClient, *arguments: Any) -> Any:
        calls.append("ask")
        return listed(self, *arguments)

    monkeypatch.setattr(MlflowClient, "log_image", lose)
    monkeypatch.setattr(MlflowClient, "list_artifacts", find)
    delivered = delivery(tmp_path / "run", [], retry_seconds=1e9)
    delivered._unwritten = {"rows": "", "snapshots": {round: [0.0] * N_ITEMS for round in ("3", "5", "7")}}
    assert delivered.complete() == ""
    assert calls == ["ask", "picture 1", "picture 3", "picture 5", "ask", "picture 7"]
