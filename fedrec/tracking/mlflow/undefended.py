"""Finds what the same attack reached without the defense, if MLflow has such a run."""

import contextlib
from collections.abc import Mapping
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from fedrec.tracking.mlflow.reported import REVISION, metric_name

_NO_MATTER = (  # beginnings of parameters
    *("defense", "choices", "tracking", "checkpoint", "resume", "reference", "device", "threads", "model.save"),
)
_MOST = 20  # runs that are looked at, the latest first


def without_defense(client: MlflowClient, experiment: str, description: Mapping[str, Any], exposure: str) -> float | None:
    """Return ER@K at the best epoch of the latest run that differs in nothing but the defense; None if there is none."""
    tags = description["tags"]
    if "none" in (tags.get("attack"), tags.get("defense")):
        return None
    same = {name: tags.get(name) for name in ("attack", "model", "dataset", "data_checksum", "target_items", *REVISION)}
    wanted = " and ".join(f"tags.`{name}` = '{value}'" for name, value in {**same, "defense": "none"}.items() if value is not None)
    with contextlib.suppress(MlflowException):  # a name may hold a quotation mark
        for run in client.search_runs([experiment], f"{wanted} and attributes.status = 'FINISHED'", max_results=_MOST):
            if _relevant(run.data.params) == _relevant(description["parameters"]):
                return run.data.metrics.get(f"best/{metric_name(exposure)}")
    return None


def _relevant(parameters: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in parameters.items() if not name.startswith(_NO_MATTER)}
