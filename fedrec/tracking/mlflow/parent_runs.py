"""Runs that hold other runs, such as the run of a sweep. They have no metrics until they end.

What is known of one lies in a tracking folder (`run_record`), so it can be made and ended without the process that it belongs to.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlflow.entities import Metric, Param, RunTag
from mlflow.tracking import MlflowClient

from fedrec.tracking.mlflow.notes import NOTE, is_ours
from fedrec.tracking.mlflow.open_store import KEY, find_run, open_experiment
from fedrec.tracking.mlflow.run_description import metric_name
from fedrec.tracking.mlflow.run_record import Ending


def setup(description: Mapping[str, Any]) -> str:
    """Make the run, or continue it if the store has it already. Return its id."""
    client, experiment = open_experiment(description)
    run_id = find_run(client, experiment, description["key"])
    if run_id is None:
        return _make(client, experiment, description)
    client.update_run(run_id, "RUNNING", description["run_name"])
    return run_id


def finish(description: Mapping[str, Any], ending: Ending) -> str:
    """End the run, with the `tags`, `parameters` and `metrics` and the files of `folder` in the ending's summary. Return its id.

    A run that did not say how it ended may belong to several machines: it is KILLED only if no other machine has ended it.
    """
    client, experiment = open_experiment(description)
    run_id = find_run(client, experiment, description["key"]) or _make(client, experiment, description)
    known = {"tags": {}, "parameters": {}, "metrics": {}, "folder": None, **ending.summary}
    metrics = [Metric(metric_name(name), value, ending.time or 0, 0) for name, value in known["metrics"].items()]
    parameters = [Param(name, str(value)) for name, value in known["parameters"].items()]
    if NOTE in known["tags"] and not is_ours(client.get_run(run_id).data.tags.get(NOTE)):
        del known["tags"][NOTE]  # somebody has written another one
    client.log_batch(run_id, metrics, parameters, [RunTag(name, value) for name, value in known["tags"].items()])
    if known["folder"] is not None and Path(known["folder"]).is_dir():
        client.log_artifacts(run_id, known["folder"])
    if ending.time is not None or client.get_run(run_id).info.status == "RUNNING":
        client.set_terminated(run_id, ending.status, ending.time)
    return run_id


def _make(client: MlflowClient, experiment: str, description: Mapping[str, Any]) -> str:
    tags = {**description["tags"], KEY: description["key"]}
    return str(client.create_run(experiment, description["started"], tags, description["run_name"]).info.run_id)
