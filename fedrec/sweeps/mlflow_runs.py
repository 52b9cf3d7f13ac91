"""A sweep in MLflow: one run for the sweep, below it one for each trial, and below that the trial's own runs."""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from fedrec.config.secrets import masked
from fedrec.tracking.mlflow.store_uri import locate_store
from fedrec.tracking.mlflow.writer_process import acquire, release, start_early

if TYPE_CHECKING:  # the command line imports this module before it knows that there is a study
    from optuna.trial import FrozenTrial, Trial

TRACKER = "fedrec.tracking.mlflow.tracker.MLflowTracker"
RUN_ID = "mlflow_run_id"  # user attribute of a study or a trial that has a run
_ENDINGS = {"COMPLETE": "FINISHED", "PRUNED": "KILLED", "FAIL": "FAILED"}  # MLflow has no other words; the tag `state` has Optuna's
Named = Mapping[str, Any]

log = logging.getLogger(__name__)


@contextmanager
def _tolerant() -> Iterator[None]:
    """Let no trouble with MLflow stop a sweep: the study has everything."""
    try:
        yield
    except Exception as error:
        log.warning(f"MLflow did not take a trial: {' '.join(str(error).split())[:200]}")


class MlflowRuns:
    """Asks the writer process, which has imported MLflow, and waits. The first request makes the store and the experiment."""

    def __init__(self, uri: str, experiment: str) -> None:
        self._store = locate_store(uri).describe(experiment)

    def setup(self, name: str, tags: Named, run_id: str | None = None) -> str:
        """Start a run, or continue the one with this id, and return its id. Raises RuntimeError if the store refuses."""
        return self._ask("setup", name=name, tags=tags, run_id=run_id)

    def end(self, run_id: str, status: str, tags: Named, parameters: Named, metrics: Named, folder: str | None = None) -> None:
        """End a run as FINISHED, FAILED or KILLED, with the files in `folder`. Raises RuntimeError if the store refuses."""
        self._ask("end", run_id=run_id, status=status, tags=tags, parameters=parameters, metrics=metrics, folder=folder)

    @_tolerant()
    def start_trial(self, trial: "Trial", parent: str) -> str | None:
        """Start the run of a trial below the run `parent`, and return its id. The repetition of a trial continues the trial's run."""
        tags = {"mlflow.parentRunId": parent, "trial": str(trial.number)}
        run_id = self.setup(f"trial {trial.number}", tags, trial.user_attrs.get(RUN_ID))
        trial.set_user_attr(RUN_ID, run_id)
        return run_id

    @_tolerant()
    def end_trial(self, trial: "FrozenTrial") -> None:
        """End the run of a trial, if it has one."""
        state, run_id = trial.state.name, trial.user_attrs.get(RUN_ID)
        metrics = {name: value for name, value in trial.user_attrs.items() if isinstance(value, float)}
        if run_id is not None:
            self.end(run_id, _ENDINGS[state], {"state": state}, trial.params, metrics)

    def _ask(self, wanted: str, **arguments: Any) -> str:
        writer = acquire()
        writer.start({**self._store, "wanted": wanted, "arguments": arguments})
        line = writer.answers.readline()
        if not line.endswith(b"\n"):
            raise RuntimeError(masked(writer.end()))
        release(writer)
        news = json.loads(line)
        if "failed" in news:
            raise RuntimeError(news["failed"])
        return str(news["answer"])


def runs_of(tracking: DictConfig) -> MlflowRuns | None:
    """Return None if runs are not tracked in MLflow; else start a writer, which imports MLflow while the caller goes on."""
    if tracking.get("_target_") != TRACKER:
        return None
    start_early()
    return MlflowRuns(tracking.uri, tracking.experiment)
