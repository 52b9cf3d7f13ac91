"""Which runs of a real MLflow store count, and what is read of them."""

from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from fedrec.comparison import mlflow_experiments
from fedrec.comparison.mlflow_experiments import read_experiment
from fedrec.comparison.reading import NOTES, collect

OURS = {"mlflow.source.name": "fedrec.main", "run_key": "k"}


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the address of a store with runs of several kinds."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"
    client = MlflowClient(uri)
    experiment = client.create_experiment("mine")

    def run(seed: int, status: str = "FINISHED", tags: dict[str, str] = OURS, metrics: dict[str, float] | None = None) -> None:
        run_id = client.create_run(experiment, tags=tags).info.run_id
        options = {"seed": seed, "evaluation.selection": "HR@10", "attack.N": 5, "choices.attack": "pieck_uea", "defense": "{}"}
        for name, value in options.items():
            client.log_param(run_id, name, value)
        for name, number in (metrics or {"best/ER_at_10": 0.5, "seconds/total": 2.0, "ER_at_10": 0.1}).items():
            client.log_metric(run_id, name, number)
        client.set_terminated(run_id, status)

    run(0, tags={**OURS, "degradation": '{"NDCG@10": 0.75, "without": {"name": "clean", "NDCG@10": 0.4}}'})
    run(1, tags={**OURS, "best": '{"ER@10": 0.25, "full_HR@10": 0.125, "epoch": 3}', "defense": "ours+krum"}, metrics={"seconds/total": 1})
    run(2, tags={**OURS, "best": '{"ER@10": 0.2', "final": "[1]"})  # what MLflow has cut
    run(3, "FAILED")
    run(4, "KILLED", tags={**OURS, "state": "PRUNED"})
    run(5, tags={"mlflow.source.name": "other.py"})
    holder = client.create_run(experiment, tags=OURS).info.run_id
    client.log_param(holder, "attack.N", 5)
    return uri


@pytest.mark.slow
def test_runs_of_this_program_count(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow_experiments, "_PAGE", 2)  # runs that the store returns at once
    rows = read_experiment("mine", uri)
    assert [row["seed"] for row in rows] == [0, 1, 2, 3, 4]
    assert [row["status"] for row in rows] == ["FINISHED", "FINISHED", "FINISHED", "FAILED", "PRUNED"]
    assert rows[0]["best/ER@10"] == 0.5 and rows[0]["seconds"] == 2.0 and "ER@10" not in rows[0]
    assert (rows[1]["best/ER@10"], rows[1]["best/full_HR@10"], rows[1]["defense"]) == (0.25, 0.125, "[ours,krum]")
    assert {name: value for name, value in rows[0].items() if name.startswith("degradation")} == {"degradation/NDCG@10": 0.75}
    assert rows[2]["best/ER@10"] == 0.5
    assert [(row["attack"], row["model"], row["attack.N"]) for row in rows] == [("pieck_uea", "none", 5)] * 5


@pytest.mark.slow
def test_runs_that_did_not_finish_are_told(uri: str) -> None:
    table = collect("mine", uri)
    assert table.seed.tolist() == [0, 1, 2]
    (note,) = table.attrs[NOTES]
    assert note.startswith("2 runs are left out (1 FAILED, 1 PRUNED): ")


def test_an_address_is_given_or_in_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert mlflow_experiments.store_address(None) == "sqlite:///mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://host")
    assert mlflow_experiments.store_address(None) == "http://host"
    assert mlflow_experiments.store_address("http://other") == "http://other"
