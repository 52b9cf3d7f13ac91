"""A sweep in MLflow."""

import signal
from pathlib import Path

import pandas as pd
import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient
from optuna.trial import TrialState

from fedrec.sweeps.mlflow_runs import MlflowRuns
from fedrec.tracking import deliver
from fedrec.tracking.mlflow.notes import GAP
from tests.sweeps.sweeps import GATED, ONE, build_gate, finish, kill_group, open_gate, results, start, trials, wait_for_running
from tests.tracking.runs import wait_until

FILES = {"history.png", "importance.png", "slice.png", "contour.png", "trials.parquet", "optimization_results.yaml"}


def test_mlflow_has_a_run_for_the_sweep_each_trial_and_each_seed(tuned: Path) -> None:
    client = MlflowClient(f"sqlite:///{tuned}/mlflow.db")
    (experiment,) = client.search_experiments(filter_string="name = 'fedrec'")
    runs = client.search_runs([experiment.experiment_id], max_results=1000)
    by_parent: dict[str | None, list[Run]] = {}
    for run in runs:
        by_parent.setdefault(run.data.tags.get("mlflow.parentRunId"), []).append(run)
    (parent,) = by_parent[None]
    assert parent.info.run_name == "tuned" and parent.info.status == "FINISHED"
    children = {run.data.tags["trial"]: run for run in by_parent[parent.info.run_id] if "trial" in run.data.tags}
    assert len(children) == 6
    for trial in trials(tuned):
        child = children[str(trial.number)]
        assert child.data.tags["state"] == trial.state.name
        assert child.info.status == {"COMPLETE": "FINISHED", "PRUNED": "KILLED"}[trial.state.name]
        assert child.data.params == {name: str(value) for name, value in trial.params.items()}
        seeds = by_parent[child.info.run_id]
        assert len(seeds) == (len(trial.intermediate_values) + 2) // 3
        assert sum(run.data.tags.get("state") == "PRUNED" for run in seeds) == (trial.state == TrialState.PRUNED)
        if trial.state == TrialState.COMPLETE:
            assert child.data.metrics["objective"] == pytest.approx(trial.value)
    assert len(by_parent[parent.info.run_id]) == 6 + 2 + 3 * 2  # trials, references, comparisons
    for name, best in results(tuned)["best_params"].items():
        assert parent.data.tags[f"best/{name}"] == str(best)
    for label, row in results(tuned)["comparisons"].items():
        assert parent.data.metrics[f"{label}/HR"] == pytest.approx(row["HR"])
    note = parent.data.tags["mlflow.note.content"]
    assert note.startswith("**Best parameters**: `") and "| no defense" in note
    assert all(f"| {trial.number}{GAP} | " in note for trial in trials(tuned))
    assert {file.path for file in client.list_artifacts(parent.info.run_id)} >= FILES
    table = pd.read_parquet(client.download_artifacts(parent.info.run_id, "trials.parquet"))
    assert list(table["number"]) == list(range(6)) and set(table["state"]) == {"COMPLETE", "PRUNED"}


def statuses(folder: Path, experiment: str = "fedrec") -> dict[str, str]:
    """The status of every run, by its name."""
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    (found,) = client.search_experiments(filter_string=f"name = '{experiment}'")
    return {run.info.run_name: run.info.status for run in client.search_runs([found.experiment_id])}


def test_a_sweep_that_is_cut_off_can_be_delivered_and_continued(tmp_path: Path) -> None:
    """Its own run is known on disk, and belongs to this process until it ends."""
    first, second = (MlflowRuns(f"sqlite:///{tmp_path}/mlflow.db", "trial", tmp_path / "sweep") for _ in range(2))
    run_id = first.setup("k", "sweep", {})
    second.deliver()
    assert statuses(tmp_path, "trial") == {"sweep": "RUNNING"}
    first._locks.pop("").release()  # the process is killed
    second.deliver()
    assert statuses(tmp_path, "trial") == {"sweep": "KILLED"}
    assert second.setup("k", "sweep", {}) == run_id
    assert statuses(tmp_path, "trial") == {"sweep": "RUNNING"}
    second.end("FINISHED", {"best": "1"}, {}, {"ER": 0.5})
    assert statuses(tmp_path, "trial") == {"sweep": "FINISHED"}
    assert not list((tmp_path / "sweep").iterdir())


@pytest.mark.slow
def test_no_run_stays_running_when_a_whole_sweep_is_killed(tmp_path: Path) -> None:
    """Neither after a delivery nor after the same command."""
    sweep = (*GATED, ONE, "hydra.sweeper.n_trials=3")
    build_gate(tmp_path, 1)
    process = start(tmp_path, *sweep)
    wait_for_running(tmp_path, 1)
    kill_group(process, signal.SIGKILL)

    def is_delivered() -> bool:
        return deliver.main([str(tmp_path / "multirun")]) == 0

    wait_until(is_delivered)  # the writer, which has a group of its own, is still at work
    assert "RUNNING" not in statuses(tmp_path).values()
    assert statuses(tmp_path)["tuned"] == "KILLED"
    open_gate(tmp_path)
    finish(start(tmp_path, *sweep), tmp_path)
    ended = statuses(tmp_path)
    assert "RUNNING" not in ended.values()
    assert ended["tuned"] == "FINISHED"
    assert not list(tmp_path.rglob("run.json"))
