"""One study, many workers: who takes which trial, and what becomes of trials whose worker died."""

import logging
import os
import platform
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from fedrec.sweeps.study_storage import HEARTBEAT_SECONDS, exclusive

if TYPE_CHECKING:
    from optuna import Study
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial, Trial

    from fedrec.sweeps.objectives import Direction

MOST_REPEATS = 4  # of a trial that takes its worker down with it
ERROR, WORKER, INTERRUPTED = "error", "worker", "interrupted"  # user attributes of a trial

log = logging.getLogger(__name__)


class SharedStudy:
    """A study that ends with `n_trials` trials, whatever happens to the processes that run them.

    A trial counts when it is complete, pruned, or has failed by itself. One that was cut off counts as failed too, but is repeated
    with the same parameters, and only the repetition counts.
    """

    def __init__(
        self,
        storage: "RDBStorage",
        address: str,
        name: str,
        n_trials: int,
        sampler: "Callable[[int], BaseSampler] | None" = None,  # for the trial with this number, repetitions not counted
        pruner: "BasePruner | None" = None,
        directions: "Sequence[Direction]" = ("minimize",),
    ) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.address, self.n_trials, self._sampler = address, n_trials, sampler
        with exclusive(address, name):
            self.study: Study = optuna.create_study(
                storage=storage,
                study_name=name,
                directions=list(directions),
                load_if_exists=True,
                pruner=pruner or optuna.pruners.NopPruner(),
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """No other process takes a trial of this study meanwhile."""
        with exclusive(self.address, self.study.study_name):
            yield

    def trials(self) -> "list[FrozenTrial]":
        return self.study.get_trials(deepcopy=False)

    def trial(self, trial: "Trial") -> "FrozenTrial":
        """As the storage has it."""
        return self.study._storage.get_trial(trial._trial_id)

    def counted(self) -> "list[FrozenTrial]":
        """The trials that are over and neither were nor will be repeated, in order."""
        trials = self.trials()
        other = _repeated(trials) | _to_repeat(trials)
        return [trial for trial in trials if trial.state.is_finished() and trial.number not in other]

    @property
    def is_complete(self) -> bool:
        """Whether every trial has been run and none is under way, or to be repeated."""
        trials = self.trials()
        is_open = any(not trial.state.is_finished() for trial in trials) or bool(_to_repeat(trials))
        return not is_open and len(self.counted()) >= self.n_trials

    def queue(self, wanted: Sequence[Mapping[str, Any]], again: bool = False) -> None:
        """Add a trial with these user attributes for each that there is not yet; `again`: nor has one that failed."""
        import optuna

        with self.locked():
            trials = self.trials()
            failed = {trial.number for trial in self.counted() if trial.state == optuna.trial.TrialState.FAIL} if again else set()
            known = [trial.user_attrs for trial in trials if trial.number not in failed]
            for attributes in wanted:
                if not any(attributes.items() <= one.items() for one in known):
                    self.study.add_trial(optuna.create_trial(state=optuna.trial.TrialState.WAITING, user_attrs=dict(attributes)))

    def claim(self, suggest: "Callable[[Trial], Any]") -> "Trial | None":
        """A trial that no other worker has or will have, its parameters suggested; None if there is nothing to do at present."""
        from optuna.trial import TrialState

        with self.locked():
            self._repeat_lost()
            trials = self.trials()
            repeated = _repeated(trials)
            waiting = any(trial.state == TrialState.WAITING for trial in trials)
            if not waiting and len(trials) - len(repeated) >= self.n_trials:
                return None
            if self._sampler:
                self.study.sampler = self._sampler(len(trials) - len(repeated))
            trial = _ask(self.study)
            self.study._storage.record_heartbeat(trial._trial_id)  # type: ignore[attr-defined]
            trial.set_user_attr(WORKER, f"{platform.node()}:{os.getpid()}")
            suggest(trial)
        return trial

    def tell(self, trial: "Trial", values: Sequence[float] | None, *, pruned: bool = False, error: str = "") -> None:
        """Values, or no values and why; nothing happens if the trial was taken for lost meanwhile, and is repeated."""
        from optuna.trial import TrialState

        if error:
            with suppress(Exception):
                trial.set_user_attr(ERROR, error)
        state = TrialState.PRUNED if pruned else TrialState.COMPLETE if values is not None else TrialState.FAIL
        with suppress(RuntimeError):  # a sampler of a grid wants to stop `optimize`, which nobody has called
            self.study.tell(trial, values if state == TrialState.COMPLETE else None, state, skip_if_finished=True)

    @contextmanager
    def running(self, trial: "Trial") -> Iterator[None]:
        """Says all the time that the trial is running, and what has become of it if it raises: an interrupted one is to be repeated."""
        ended = Event()

        def beat() -> None:
            while not ended.wait(HEARTBEAT_SECONDS):
                with suppress(Exception):  # the database may be busy: the next one counts
                    self.study._storage.record_heartbeat(trial._trial_id)  # type: ignore[attr-defined]

        thread = Thread(target=beat, name="fedrec-heartbeat", daemon=True)
        thread.start()
        try:
            yield
        except Exception as error:
            self.tell(trial, None, error=" ".join(str(error).split()) or type(error).__name__)
            raise
        except BaseException:
            with suppress(Exception):
                trial.set_user_attr(INTERRUPTED, True)
            self.tell(trial, None)
            raise
        finally:
            ended.set()
            thread.join()

    def _repeat_lost(self) -> None:
        """Queue again what died with its worker; may itself be cut off anywhere and done again."""
        import optuna
        from optuna.trial import TrialState

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            optuna.storages.fail_stale_trials(self.study)
            repeat = optuna.storages.RetryHeartbeatStaleTrialCallback()
        trials = self.trials()
        for trial in trials:  # claimed by a worker that died before it had said so: claims are made one at a time
            if trial.state == TrialState.RUNNING and WORKER not in trial.user_attrs:
                self.study.tell(trial.number, state=TrialState.FAIL)
        trials = self.study.get_trials()
        for number in sorted(_to_repeat(trials)):
            for name in (WORKER, INTERRUPTED):
                trials[number].user_attrs.pop(name, None)
            repeat(self.study, trials[number])
            log.warning(f"trial {number} was cut off and is repeated")


def failure(trial: "FrozenTrial") -> str:
    """Why a trial has no values."""
    return str(trial.user_attrs.get(ERROR, "every worker that ran it died"))


def _to_repeat(trials: "Sequence[FrozenTrial]") -> set[int]:
    """Numbers of trials that were cut off, and neither repeated yet nor too often already; an interruption is no fault of a trial."""
    from optuna.trial import TrialState

    repeated = _repeated(trials)
    found = set()
    for trial in trials:
        if trial.state == TrialState.FAIL and ERROR not in trial.user_attrs and trial.number not in repeated:
            history = [*trial.system_attrs.get("retry_history", []), trial.number]
            if sum(INTERRUPTED not in trials[number].user_attrs for number in history) <= MOST_REPEATS:
                found.add(trial.number)
    return found


def _repeated(trials: "Sequence[FrozenTrial]") -> set[int]:
    return {number for trial in trials for number in trial.system_attrs.get("retry_history", [])}


def _ask(study: "Study") -> "Trial":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a heartbeat is not meant for `ask`; see `running`
        return study.ask()
