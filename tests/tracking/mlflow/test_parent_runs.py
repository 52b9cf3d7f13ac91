from pathlib import Path
from typing import Any

from fedrec.tracking.mlflow.notes import NOTE, signed
from fedrec.tracking.mlflow.parent_runs import finish, setup
from fedrec.tracking.mlflow.run_record import Ending
from fedrec.tracking.mlflow.store_uri import locate_store
from tests.tracking.stores import stored


def described(name: str, **tags: str) -> dict[str, Any]:
    return {**locate_store("sqlite:///mlflow.db").describe("trial"), "key": "k", "run_name": name, "tags": tags, "started": 1_000}


def test_a_run_is_made_continued_and_ended(tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "front.png").touch()
    run_id = setup(described("sweep", kind="sweep"))
    assert setup(described("sweep again")) == run_id
    known = {"tags": {"trials": "3"}, "parameters": {"n_trials": 3}, "metrics": {"ER@10": 0.5}, "folder": str(tmp_path / "report")}
    for _ in range(2):  # the second time, nothing changes
        assert finish(described("sweep again"), Ending("KILLED", known, 2_000)) == run_id
        client, (run,) = stored(tmp_path)
        assert (run.info.run_name, run.info.status, run.info.start_time, run.info.end_time) == ("sweep again", "KILLED", 1_000, 2_000)
        assert {"kind": "sweep", "trials": "3"}.items() <= run.data.tags.items()
        assert (run.data.params, run.data.metrics) == ({"n_trials": "3"}, {"ER_at_10": 0.5})
        assert len(client.get_metric_history(run_id, "ER_at_10")) == 1
        assert [file.path for file in client.list_artifacts(run_id)] == ["front.png"]


def test_a_run_that_did_not_say_how_it_ended(tmp_path: Path) -> None:
    """It is killed, unless another machine has ended it."""
    finish(described("sweep"), Ending())
    assert stored(tmp_path)[1][0].info.status == "KILLED"
    finish(described("sweep"), Ending("FINISHED", {}, 2_000))
    finish(described("sweep"), Ending())
    (run,) = stored(tmp_path)[1]
    assert run.info.status == "FINISHED"


def test_a_note_that_somebody_wrote_stays(tmp_path: Path) -> None:
    run_id = setup(described("sweep"))
    finish(described("sweep"), Ending("KILLED", {"tags": {NOTE: signed("first")}}, 2_000))
    finish(described("sweep"), Ending("FINISHED", {"tags": {NOTE: signed("second")}}, 3_000))
    client, (run,) = stored(tmp_path)
    assert run.data.tags[NOTE] == signed("second")
    client.set_tag(run_id, NOTE, "mine")
    finish(described("sweep"), Ending("FINISHED", {"tags": {NOTE: signed("third"), "trials": "3"}}, 4_000))
    (run,) = stored(tmp_path)[1]
    assert (run.data.tags[NOTE], run.data.tags["trials"]) == ("mine", "3")
