"""What the same attack reached without the defense, in a real store."""

from pathlib import Path
from typing import Any

import pytest
from mlflow.entities import Metric, Param, RunTag
from mlflow.tracking import MlflowClient

from fedrec.tracking.mlflow.undefended import without_defense

TAGS = {"attack": "pieck_uea", "defense": "none", "model": "mf", "dataset": "tiny", "data_checksum": "c"}
PARAMETERS = {"seed": "1", "attack.N": "50", "defense": "{}", "device": "cpu", "tracking.uri": "a", "choices.defense": "none"}
DEFENDED = {"tags": {**TAGS, "defense": "ours"}, "parameters": {"seed": "1", "attack.N": "50", "defense.beta": "2.0", "device": "cuda"}}


@pytest.fixture
def store() -> tuple[MlflowClient, str]:
    client = MlflowClient(f"sqlite:///{Path.cwd()}/mlflow.db")
    return client, client.create_experiment("trial")


def add(
    store: tuple[MlflowClient, str], exposure: float, tags: dict[str, str], parameters: dict[str, str], status: str = "FINISHED"
) -> None:
    client, experiment = store
    run_id = client.create_run(experiment).info.run_id
    metrics, of_run = [Metric("best/ER_at_10", exposure, 0, 0)], [Param(*pair) for pair in parameters.items()]
    client.log_batch(run_id, metrics, of_run, [RunTag(*pair) for pair in tags.items()])
    client.set_terminated(run_id, status)


def found(store: tuple[MlflowClient, str], described: dict[str, Any]) -> float | None:
    return without_defense(*store, described, "ER@10")


def test_only_the_defense_may_differ(store: tuple[MlflowClient, str]) -> None:
    add(store, 0.1, {**TAGS, "defense": "ours"}, PARAMETERS)
    add(store, 0.2, TAGS, {**PARAMETERS, "seed": "2"})
    add(store, 0.3, TAGS, {**PARAMETERS, "attack.N": "10"})
    add(store, 0.4, {**TAGS, "data_checksum": "d"}, PARAMETERS)
    add(store, 0.5, TAGS, PARAMETERS, status="KILLED")
    assert found(store, DEFENDED) is None
    add(store, 0.6, TAGS, PARAMETERS)
    assert found(store, DEFENDED) == 0.6


def test_without_attack_or_defense_there_is_nothing_to_compare(store: tuple[MlflowClient, str]) -> None:
    add(store, 0.6, TAGS, PARAMETERS)
    assert found(store, {"tags": TAGS, "parameters": PARAMETERS}) is None
    assert found(store, {"tags": {**DEFENDED["tags"], "attack": "none"}, "parameters": PARAMETERS}) is None
    assert found(store, {"tags": {**DEFENDED["tags"], "dataset": "it's"}, "parameters": PARAMETERS}) is None
