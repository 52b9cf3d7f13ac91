"""A sweep in MLflow."""

from pathlib import Path

import pandas as pd
import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient
from optuna.trial import TrialState

from tests.sweeps.sweeps import results, trials

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
    assert {file.path for file in client.list_artifacts(parent.info.run_id)} >= FILES
    table = pd.read_parquet(client.download_artifacts(parent.info.run_id, "trials.parquet"))
    assert list(table["number"]) == list(range(6)) and set(table["state"]) == {"COMPLETE", "PRUNED"}
