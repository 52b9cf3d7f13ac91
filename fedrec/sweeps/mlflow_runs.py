"""A sweep in MLflow: one run for the sweep, below it one for each trial, below that the trial's own runs."""

import json
from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig

from fedrec.tracking.mlflow.store_uri import locate_store
from fedrec.tracking.mlflow.writer_process import acquire, release, start_early

TRACKER = "fedrec.tracking.mlflow.tracker.MLflowTracker"


class MlflowRuns:
    """Asks the writer process, which has imported MLflow, and waits. The first request makes the store and the experiment."""

    def __init__(self, uri: str, experiment: str) -> None:
        self._store = locate_store(uri).describe(experiment)

    def setup(self, name: str, tags: Mapping[str, str], run_id: str | None = None) -> str:
        """The id of a new run, or of one that goes on. Raises RuntimeError if the store does not take it."""
        return self._ask("setup", name=name, tags=tags, run_id=run_id)

    def end(
        self,
        run_id: str,
        status: str,
        tags: Mapping[str, str],
        parameters: Mapping[str, Any] | None = None,
        metrics: Mapping[str, float] | None = None,
        folder: str | None = None,
    ) -> None:
        """FINISHED, FAILED or KILLED. Raises RuntimeError if the store does not take it."""
        self._ask("end", run_id=run_id, status=status, tags=tags, parameters=parameters or {}, metrics=metrics or {}, folder=folder)

    def _ask(self, wanted: str, **arguments: Any) -> str:
        writer = acquire()
        writer.start({**self._store, "wanted": wanted, "arguments": arguments})
        line = writer.answers.readline()
        if not line.endswith(b"\n"):
            raise RuntimeError(writer.end())
        release(writer)
        news = json.loads(line)
        if "failed" in news:
            raise RuntimeError(news["failed"])
        return str(news["answer"])


def runs_of(tracking: DictConfig) -> MlflowRuns | None:
    """None if runs are not tracked in MLflow; else a writer starts to import it."""
    if tracking.get("_target_") != TRACKER:
        return None
    start_early()
    return MlflowRuns(tracking.uri, tracking.experiment)
