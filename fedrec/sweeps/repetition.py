"""Trials that were cut off, by the death of their worker or by an interruption: which ones they are, and how they are repeated."""

import copy
import logging
import warnings
from collections.abc import Sequence

import optuna
from optuna.trial import FrozenTrial, TrialState

MOST_REPEATS = 4  # of a trial that kills its worker every time
ERROR, WORKER, INTERRUPTED = "error", "worker", "interrupted"  # user attributes of a trial

log = logging.getLogger(__name__)


def repeat_lost(study: optuna.Study) -> None:
    """Queue again what was cut off. A caller that is itself cut off here may simply call it again."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        optuna.storages.fail_stale_trials(study)
        repeat = optuna.storages.RetryHeartbeatStaleTrialCallback()
    for trial in study.get_trials(deepcopy=False):
        # One worker claims at a time: so a trial that runs without a worker's name was claimed by a worker that died while claiming it.
        if trial.state == TrialState.RUNNING and WORKER not in trial.user_attrs:
            study.tell(trial.number, state=TrialState.FAIL)
    trials = study.get_trials(deepcopy=False)  # a copy of all would take most of the time of a claim
    for number in sorted(to_repeat(trials)):
        lost = copy.deepcopy(trials[number])
        for name in (WORKER, INTERRUPTED):  # the repetition gets the other attributes
            lost.user_attrs.pop(name, None)
        repeat(study, lost)
        log.warning(f"trial {number} was cut off and is repeated")


def to_repeat(trials: Sequence[FrozenTrial]) -> set[int]:
    """Return the numbers of trials to repeat: those that were interrupted, and those that died at most `MOST_REPEATS` times."""
    found, done = set(), repeated(trials)
    for trial in trials:
        if trial.state == TrialState.FAIL and ERROR not in trial.user_attrs and trial.number not in done:
            history = [*trial.system_attrs.get("retry_history", []), trial.number]
            if sum(INTERRUPTED not in trials[number].user_attrs for number in history) <= MOST_REPEATS:
                found.add(trial.number)
    return found


def repeated(trials: Sequence[FrozenTrial]) -> set[int]:
    """Return the numbers of trials that have a repetition."""
    return {number for trial in trials for number in trial.system_attrs.get("retry_history", [])}
