"""A sweep in MLflow: one run for the sweep, below it one for each trial, and below that the trial's own runs."""

import logging
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout
from omegaconf import DictConfig, OmegaConf

from fedrec.config.validation import ConfigError
from fedrec.tracking.mlflow.requests import ask, require_server
from fedrec.tracking.mlflow.run_record import RUN_LOCK, Ending, is_recorded, locked, record, record_ending, undelivered
from fedrec.tracking.mlflow.store_uri import locate_store
from fedrec.tracking.mlflow.writer_process import start_early

if TYPE_CHECKING:  # the command line imports this module before it knows that there is a study
    from optuna.trial import FrozenTrial, Trial

TRACKER = "fedrec.tracking.mlflow.tracker.MLflowTracker"
RUN_ID, RUN_KEY = "mlflow_run_id", "mlflow_run_key"  # user attributes of a study or a trial that has a run
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
    """Asks the writer process, which has imported MLflow, and waits. The first request makes the store and the experiment.

    What is known of a run lies in a folder until MLflow has it, as that of any other run does. So nothing is lost with the store or
    with this process.
    """

    def __init__(self, uri: str, experiment: str, folder: Path) -> None:
        """`folder` is the sweep's own."""
        self._address, self._experiment, self._folder = locate_store(uri), experiment, folder
        self._locks: dict[str, FileLock] = {}  # of the runs that this process has begun

    def setup(self, key: str, name: str, tags: Named, folder: str = "") -> str:
        """Start the run that has this key, or continue it, and return its id. Raises RuntimeError if the store refuses."""
        known = {"key": key, "run_name": name, "tags": tags, "started": int(time.time() * 1000), "is_parent": True}
        if self._claim(folder):
            store = self._address.describe(self._experiment)
            record(self._tracking(folder), {**store, **known, "public_uri": self._address.public_uri})
        return self._ask("setup", **known)

    def end(self, status: str, tags: Named, parameters: Named, metrics: Named, files: str | None = None, folder: str = "") -> None:
        """End a run as FINISHED, FAILED or KILLED, with these files. Raises RuntimeError if the store refuses.

        Do nothing if another process has the run in this folder, too, and will end it.
        """
        if not self._claim(folder) or not is_recorded(self._tracking(folder)):
            return
        known = {"tags": tags, "parameters": parameters, "metrics": metrics, "folder": files}
        record_ending(self._tracking(folder), Ending(status, known, int(time.time() * 1000)))  # type: ignore[arg-type]
        self._locks.pop(folder).release()
        self._ask("deliver", folder=str(self._tracking(folder)))

    @_tolerant()
    def deliver(self, folder: str = "") -> None:
        """Deliver what runs that are cut off have left in a folder of the sweep and below it."""
        if undelivered(self._folder / folder):
            self._ask("deliver", folder=str(self._folder / folder))

    @_tolerant()
    def start_trial(self, trial: "Trial", parent: str, repeats: Sequence[int]) -> str | None:
        """Start the run of a trial below the run `parent`, and return its id. The run of a trial that it repeats is continued."""
        for number in repeats:
            self.deliver(trial_folder(number))
        key = trial.user_attrs.get(RUN_KEY) or uuid.uuid4().hex
        trial.set_user_attr(RUN_KEY, key)
        tags = {"mlflow.parentRunId": parent, "trial": str(trial.number)}
        run_id = self.setup(key, f"trial {trial.number}", tags, trial_folder(trial.number))
        trial.set_user_attr(RUN_ID, run_id)
        return run_id

    @_tolerant()
    def end_trial(self, trial: "FrozenTrial") -> None:
        """End the run of a trial, if it has one."""
        if RUN_KEY in trial.user_attrs:
            metrics = {name: value for name, value in trial.user_attrs.items() if isinstance(value, float)}
            state = trial.state.name
            self.end(_ENDINGS[state], {"state": state}, trial.params, metrics, folder=trial_folder(trial.number))

    def _claim(self, folder: str) -> bool:
        """Keep a folder's run to this process. Return False if another process has it."""
        tracking = self._tracking(folder)
        tracking.mkdir(parents=True, exist_ok=True)
        with suppress(Timeout):
            if folder not in self._locks:
                self._locks[folder] = locked(tracking / RUN_LOCK)
        return folder in self._locks

    def _tracking(self, folder: str) -> Path:
        return self._folder / folder / "tracking"

    def _ask(self, wanted: str, **arguments: Any) -> str:
        return ask(self._address, self._experiment, wanted, **arguments)


def trial_folder(number: int) -> str:
    """Return the name of a trial's folder below that of the sweep."""
    return f"trial_{number:04d}"


def require_store(config: DictConfig) -> None:
    """Raise ConfigError if the runs of a configuration are tracked in a store that does not take them."""
    if OmegaConf.select(config, "tracking._target_") == TRACKER:
        try:
            require_server(locate_store(config.tracking.uri), config.tracking.experiment)
        except ValueError as error:
            raise ConfigError(str(error)) from None


def runs_of(tracking: DictConfig, folder: str) -> MlflowRuns | None:
    """Return None if runs are not tracked in MLflow; else start a writer, which imports MLflow while the caller goes on."""
    if tracking.get("_target_") != TRACKER:
        return None
    start_early()
    return MlflowRuns(tracking.uri, tracking.experiment, Path(folder))
