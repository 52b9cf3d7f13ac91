"""Runs that lie in an experiment of MLflow, as rows. Runs of sweeps that only hold other runs, and runs of other programs, are left out."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from hydra.core.utils import env_override

from fedrec.comparison.run_rows import NAMES, RULES, Row, data_size, row, without_tracking
from fedrec.config.secrets import masked
from fedrec.config.validation import did_you_mean
from fedrec.evaluation.degradation import WITHOUT
from fedrec.tracking.mlflow.run_description import code_of
from fedrec.tracking.mlflow.store_uri import locate_store
from fedrec.tracking.mlflow.writer_process import environment

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

DEFAULT_STORE = "sqlite:///mlflow.db"  # that of conf/tracking/mlflow.yaml
_PAGE = 1000  # runs that a store returns at once
_AT = re.compile(r"_at_(?=\d+(_|$))")


def store_address(uri: str | None) -> str:
    """Return the address of the store: `uri`, or what the environment says, or the default of `tracking=mlflow`."""
    return uri or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_STORE


def read_experiment(name: str, uri: str | None) -> list[Row]:
    """Return the runs of an experiment, the earliest first. Raises ValueError in one line if there is no such store or experiment."""
    address = locate_store(store_address(uri))
    if address.database is not None and not address.database.exists():  # MLflow would make one
        raise ValueError(f"there is no MLflow store {address.public_uri}")
    with env_override(environment()):
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        from fedrec.tracking.mlflow.open_store import one_line, open_store

        try:
            client = open_store(address.describe(name))
            experiment = client.get_experiment_by_name(name)
            if experiment is None:
                there = [one.name for one in client.search_experiments()]
                raise ValueError(
                    f"the MLflow store {address.public_uri} has no experiment {name}, but {', '.join(there)}{did_you_mean([name], there)}"
                )
            runs = list(_runs(client, experiment.experiment_id))
        except (MlflowException, SQLAlchemyError, OSError) as error:
            raise ValueError(f"the MLflow store {address.public_uri} does not answer: {masked(one_line(error))}") from None
    return [_row(run) for run in reversed(runs) if _is_one_run(run)]


def _runs(client: "MlflowClient", experiment: str) -> Iterator["Run"]:
    """Yield all runs, the latest first."""
    token = None
    while True:
        page = client.search_runs([experiment], max_results=_PAGE, page_token=token)
        yield from page
        if not (token := page.token):
            return


def _is_one_run(run: "Run") -> bool:
    """Return whether this program trained in the run. A run that holds others has no such options."""
    return "evaluation.selection" in run.data.params and run.data.tags.get("mlflow.source.name") == "fedrec.main"


def _row(run: "Run") -> Row:
    tags, info = run.data.tags, run.info
    facts = {
        "seconds": _seconds(run),
        "status": tags.get("state", info.status),
        "folder": "",
        "run_id": info.run_id,
        "data_checksum": tags.get("data_checksum", ""),
        "data_size": data_size(_told(run, "data_statistics")),
        "code": code_of(tags),
        "ended": (info.end_time or info.start_time) / 1000,
    }
    chosen = {name: run.data.params.get(f"choices.{name}") or tags.get(name, "none") for name in NAMES}
    return row(run.data.params, chosen, _reported(run), **facts)


def _reported(run: "Run") -> dict[str, float]:
    """Return what the rules report: metrics, or a tag of the rule's name that holds all of them."""
    named = {_AT.sub("@", name): value for name, value in run.data.metrics.items()}
    found = {name: value for name, value in named.items() if name.partition("/")[0] in RULES or name == "exposed"}
    for rule in RULES:
        found |= {f"{rule}/{name}": float(value) for name, value in _told(run, rule).items() if name != WITHOUT}
    return found


def _seconds(run: "Run") -> float | None:
    return without_tracking(told) if (told := _told(run, "seconds")) else run.data.metrics.get("seconds/total")


def _told(run: "Run", tag: str) -> dict[str, Any]:
    """Return the JSON of a tag; nothing if there is no such tag, or if it was too long for MLflow."""
    with suppress(ValueError):
        told = json.loads(run.data.tags.get(tag, ""))
        return told if isinstance(told, dict) else {}
    return {}
