"""Runs that hold other runs, those of a sweep for instance: what the writer process does at once, for whoever asks and waits."""

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from fedrec.tracking.mlflow.backend_store import open_experiment
from fedrec.tracking.mlflow.run_record import metric_name


def answer(request: Mapping[str, Any]) -> str:
    """The id of the run that is begun or ended. `request` has the store's address as `MlflowTracker` tells it, and what is wanted."""
    client, experiment = open_experiment(request)
    if request["wanted"] == "begin":
        return _begin(client, experiment, **request["arguments"])
    return _end(client, **request["arguments"])


def _begin(client: MlflowClient, experiment: str, name: str, tags: Mapping[str, str], run_id: str | None) -> str:
    """One that goes on, or a new run if this store does not know it."""
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
    """With the files of a folder, if there is one."""
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
