"""Runs that hold other runs, such as the run of a sweep. The writer process makes and ends them on request."""

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from fedrec.tracking.mlflow.open_store import open_experiment
from fedrec.tracking.mlflow.run_description import metric_name


def answer(request: Mapping[str, Any]) -> str:
    """Do what is `wanted`, `setup` or `end`, and return the id of the run. `request` also holds what `StoreAddress.describe` returns."""
    client, experiment = open_experiment(request)
    if request["wanted"] == "setup":
        return _setup(client, experiment, **request["arguments"])
    return _end(client, **request["arguments"])


def _setup(client: MlflowClient, experiment: str, name: str, tags: Mapping[str, str], run_id: str | None) -> str:
    """Continue the run `run_id`, or make a new one if there is none of this id in the store."""
    if run_id is not None:
        with suppress(MlflowException):
            client.update_run(run_id, "RUNNING", name)
            return run_id
    return str(client.create_run(experiment, tags=dict(tags), run_name=name).info.run_id)


def _end(
    client: MlflowClient,
    run_id: str,
    status: str,
    tags: Mapping[str, str],
    parameters: Mapping[str, Any],
    metrics: Mapping[str, float],
    folder: str | None,
) -> str:
    """Log what is known at the end, with the files of `folder` if there is one, and end the run."""
    now = int(time.time() * 1000)
    client.log_batch(
        run_id,
        [Metric(metric_name(name), value, now, 0) for name, value in metrics.items()],
        [Param(name, str(value)) for name, value in parameters.items()],
    )
    for name, value in tags.items():
        client.set_tag(run_id, name, value)
    if folder is not None:
        client.log_artifacts(run_id, folder)
    client.set_terminated(run_id, status)
    return run_id
