from pathlib import Path
from typing import Any

from fedrec.tracking.mlflow.parent_runs import answer
from fedrec.tracking.mlflow.store_uri import locate_store
from tests.tracking.stores import stored


def ask(wanted: str, **arguments: Any) -> dict[str, str]:
    return answer({**locate_store("sqlite:///mlflow.db").describe("trial"), "wanted": wanted, "arguments": arguments})


def test_a_run_is_made_continued_and_ended(tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "front.png").touch()
    run_id = ask("setup", name="sweep", tags={"kind": "sweep"}, run_id=None)["answer"]
    assert ask("setup", name="sweep again", tags={}, run_id=run_id) == {"answer": run_id}
    known = {"tags": {"trials": "3"}, "parameters": {"n_trials": 3}, "metrics": {"ER@10": 0.5}}
    assert ask("end", run_id=run_id, status="KILLED", folder=str(tmp_path / "report"), **known) == {"answer": run_id}
    client, (run,) = stored(tmp_path)
    assert (run.info.run_name, run.info.status) == ("sweep again", "KILLED")
    assert {"kind": "sweep", "trials": "3"}.items() <= run.data.tags.items()
    assert (run.data.params, run.data.metrics) == ({"n_trials": "3"}, {"ER_at_10": 0.5})
    assert [file.path for file in client.list_artifacts(run_id)] == ["front.png"]


def test_a_run_that_this_store_does_not_know_is_made() -> None:
    run_id = ask("setup", name="sweep", tags={}, run_id="0" * 32)["answer"]
    assert run_id != "0" * 32


def test_what_fails_is_told() -> None:
    failed = ask("end", run_id="0" * 32, status="FINISHED", tags={}, parameters={}, metrics={}, folder=None)["failed"]
    assert "0" * 32 in failed
