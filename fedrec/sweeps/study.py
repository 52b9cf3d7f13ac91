"""One study and many workers: who takes which trial, and when the study is complete."""

import os
import platform
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Any, Literal

import optuna
from optuna.pruners import BasePruner, NopPruner
from optuna.trial import FrozenTrial, Trial, TrialState

from fedrec.config.secrets import masked, stowed
from fedrec.sweeps.repetition import ERROR, INTERRUPTED, WORKER, repeat_lost, repeated, to_repeat
from fedrec.sweeps.search_space import SearchSpace
from fedrec.sweeps.study_storage import HEARTBEAT_SECONDS, exclusive

Direction = Literal["minimize", "maximize"]


class SharedStudy:
    """A study that ends with `n_trials` trials, whatever happens to the processes that run them.

    A trial counts when it is complete, was pruned, or failed by itself. Optuna calls a trial failed, too, when it was cut off; such
    a trial is repeated with the same parameters, and only the repetition counts.
    """

    def __init__(
        self,
        storage: optuna.storages.RDBStorage,
        name: str,
        n_trials: int,
        space: SearchSpace | None = None,
        sampler: Callable[[int], optuna.samplers.BaseSampler] | None = None,  # number of a trial, repetitions not counted -> its sampler
        pruner: BasePruner | None = None,
        directions: Sequence[Direction] = ("minimize",),
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.address, self.n_trials, self.space, self._sampler = stowed(str(storage.url)), n_trials, space or SearchSpace({}), sampler
        with exclusive(self.address, name):
            self.study = optuna.create_study(
                storage=storage, study_name=name, directions=list(directions), load_if_exists=True, pruner=pruner or NopPruner()
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from taking a trial of this study meanwhile."""
        with exclusive(self.address, self.study.study_name):
            yield

    def trials(self) -> list[FrozenTrial]:
        """Return all trials by number, those that were cut off included."""
        return self.study.get_trials(deepcopy=False)

    def trial(self, trial: Trial) -> FrozenTrial:
        """Return a trial as it is stored now."""
        return self.study._storage.get_trial(trial._trial_id)

    def counted(self) -> list[FrozenTrial]:
        """Return the trials that count, by number: those that are over and neither have nor need a repetition."""
        trials = self.trials()
        other = repeated(trials) | to_repeat(trials)
        return [trial for trial in trials if trial.state.is_finished() and trial.number not in other]

    @property
    def is_complete(self) -> bool:
        """Whether enough trials count, none is waiting or running, and none must be repeated."""
        trials = self.trials()
        is_open = any(not trial.state.is_finished() for trial in trials) or to_repeat(trials)
        return not is_open and len(self.counted()) >= self.n_trials

    def queue(self, wanted: Sequence[Mapping[str, Any]], again: bool = False) -> None:
        """Add a waiting trial for each of these user attributes that no trial has; with `again` failed trials do not count."""
        with self.locked():
            failed = {trial.number for trial in self.counted() if trial.state == TrialState.FAIL} if again else set()
            known = [trial.user_attrs for trial in self.trials() if trial.number not in failed]
            for attributes in wanted:
                if not any(attributes.items() <= one.items() for one in known):
                    self.study.add_trial(optuna.create_trial(state=TrialState.WAITING, user_attrs=dict(attributes)))

    def claim(self) -> Trial | None:
        """Return a trial for this worker alone, with parameters from the search space; None if there is nothing to do now."""
        with self.locked():
            repeat_lost(self.study)
            trials = self.trials()
            n_different = len(trials) - len(repeated(trials))
            if n_different >= self.n_trials and not any(trial.state == TrialState.WAITING for trial in trials):
                return None
            if self._sampler:
                self.study.sampler = self._sampler(n_different)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Optuna expects no heartbeats of a trial that was asked for; `running` sends them
                trial = self.study.ask()
            self._beat(trial)
            trial.set_user_attr(WORKER, f"{platform.node()}:{os.getpid()}")
            self.space.suggest(trial)
        return trial

    def tell(self, trial: Trial, values: Sequence[float] | None, *, pruned: bool = False, error: str = "") -> None:
        """Store the values of a trial, or why it has none. Do nothing if the trial counted as lost meanwhile: it is repeated."""
        if error:
            with suppress(Exception):
                trial.set_user_attr(ERROR, error)
        state = TrialState.PRUNED if pruned else TrialState.COMPLETE if values is not None else TrialState.FAIL
        with suppress(RuntimeError):  # a grid's sampler wants to stop `Study.optimize`, which nobody has called
            self.study.tell(trial, values if state == TrialState.COMPLETE else None, state, skip_if_finished=True)

    @contextmanager
    def running(self, trial: Trial) -> Iterator[None]:
        """Send signs of life while a trial runs. If it raises, store the error, or that the trial was interrupted."""
        ended = Event()

        def beat() -> None:
            while not ended.wait(HEARTBEAT_SECONDS):
                with suppress(Exception):  # the database may be busy; then the next sign counts
                    self._beat(trial)

        thread = Thread(target=beat, name="fedrec-heartbeat", daemon=True)
        thread.start()
        try:
            yield
        except Exception as error:
            self.tell(trial, None, error=" ".join(masked(str(error)).split()) or type(error).__name__)
            raise
        except BaseException:
            with suppress(Exception):
                trial.set_user_attr(INTERRUPTED, True)
            self.tell(trial, None)
            raise
        finally:
            ended.set()
            thread.join()

    def _beat(self, trial: Trial) -> None:
        self.study._storage.record_heartbeat(trial._trial_id)  # type: ignore[attr-defined]


def failure(trial: FrozenTrial) -> str:
    """Return why a trial has no values."""
    return str(trial.user_attrs.get(ERROR, "every worker that ran it died"))
