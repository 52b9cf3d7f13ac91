"""A sweep in MLflow: one run for the sweep, below it one for each trial, below that the trial's own runs."""

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from fedrec.tracking.idle_writer import MLFLOW_DEFAULTS
from fedrec.tracking.store_uri import locate_store

if TYPE_CHECKING:
    pass

TRACKER = "fedrec.tracking.mlflow_tracker.MLflowTracker"
_ENDINGS = {"COMPLETE": "FINISHED", "PRUNED": "KILLED", "FAIL": "FAILED"}


class MlflowRuns:
    """Writes to the store that `tracking` names; the first one makes the store and the experiment."""

    def __init__(self, uri: str, experiment: str) -> None:
        os.environ.update({**MLFLOW_DEFAULTS, **os.environ})
        from mlflow.tracking import MlflowClient

        from fedrec.tracking.sqlite_creation import create_if_new

        address = locate_store(uri)
        if address.database:
            create_if_new(address.database)
        self.client: MlflowClient = MlflowClient(address.uri)
        found = self.client.get_experiment_by_name(experiment)
        self._experiment = (
            found.experiment_id if found else self.client.create_experiment(experiment, address.artifact_location(experiment))
        )

    def start(self, name: str, parent: str | None, tags: Mapping[str, str]) -> str:
        """The id of a new run."""
        family = {"mlflow.parentRunId": parent} if parent else {}
        return str(self.client.create_run(self._experiment, tags={**tags, **family}, run_name=name).info.run_id)

    def log(self, run_id: str, parameters: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
        """May be repeated: a parameter that is already there, with another value perhaps, is left as it is."""
        from mlflow.entities import Metric, Param

        known = self.client.get_run(run_id).data.params
        now = int(time.time() * 1000)
        self.client.log_batch(
            run_id,
            [Metric(name, value, now, 0) for name, value in metrics.items()],
            [Param(name, str(value)) for name, value in parameters.items() if name not in known],
        )

    def end_trial(self, run_id: str, state: str, parameters: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
        """`state` is Optuna's, and becomes a tag: MLflow knows only finished, killed and failed runs."""
        self.log(run_id, parameters, metrics)
        self.client.set_tag(run_id, "state", state)
        self.client.set_terminated(run_id, _ENDINGS[state])


def runs_of(tracking: DictConfig) -> MlflowRuns | None:
    """None if runs are not tracked in MLflow."""
    return MlflowRuns(tracking.uri, tracking.experiment) if tracking.get("_target_") == TRACKER else None
