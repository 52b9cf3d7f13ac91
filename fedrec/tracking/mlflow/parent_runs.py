"""Runs that hold other runs, such as the run of a sweep. The writer process makes and ends them on request."""

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from fedrec.tracking.mlflow.open_store import is_permanent, one_line, open_experiment, open_store
from fedrec.tracking.mlflow.run_description import metric_name


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """Do what is `wanted`: `check` the store, `setup` or `end` a run. Return the id of the run as `answer`.

    If that fails, return the reason as `failed` instead, and as `permanent` whether trying again cannot help. `request` also holds
    what `StoreAddress.describe` returns, and what is known of the run as `arguments`.
    """
    try:
        if request["wanted"] == "check":
            open_store(request)
            return {"answer": ""}
        client, experiment = open_experiment(request)
        if request["wanted"] == "setup":
            return {"answer": _setup(client, experiment, **request["arguments"])}
        return {"answer": _end(client, **request["arguments"])}
    except Exception as error:
        return {"failed": one_line(error), "permanent": is_permanent(error)}


def _setup(client: MlflowClient, experiment: str, name: str, tags: Mapping[str, str], run_id: str | None) -> str:
    """Continue the run `run_id`, or make a new one if there is none of this id in the store."""
    if run_id is not None:
        with suppress(MlflowException):
            client.update_run(run_id, "RUNNING", name)
            return run_id
    return str(client.create_run(experiment, tags=dict(tags), run_name=name).info.run_id)


def _end(client: MlflowClient, run_id: str, status: str, folder: str | None, **known: Mapping[str, Any]) -> str:
    """Log the tags, parameters and metrics that are `known` and the files of `folder` if there is one, and end the run."""
    now = int(time.time() * 1000)
    metrics = [Metric(metric_name(name), value, now, 0) for name, value in known["metrics"].items()]
    parameters = [Param(name, str(value)) for name, value in known["parameters"].items()]
    client.log_batch(run_id, metrics, parameters, [RunTag(name, value) for name, value in known["tags"].items()])
    if folder is not None:
        client.log_artifacts(run_id, folder)
    client.set_terminated(run_id, status)
    return run_id
