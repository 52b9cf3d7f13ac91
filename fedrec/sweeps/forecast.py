"""What a sweep will do, and the time that is left of it, judged by the trials that are over."""

from collections.abc import Iterator
from datetime import timedelta
from statistics import mean

from optuna.trial import TrialState

from fedrec.sweeps.stages import Stages


def announced(stages: Stages, n_workers: int) -> Iterator[str]:
    """Yield what a reader wants to know before the sweep starts or goes on."""
    sweep, n_over = stages.sweep, len(stages.tuning.counted())
    seeds = f" x {len(sweep.seeds)} seeds" if len(sweep.seeds) > 1 else ""
    responses = f" x {sweep.objective.n_runs // len(sweep.seeds)} responses" if sweep.inner_space.distributions else ""
    yield f"study {sweep.name}: {sweep.n_trials} trials{seeds}{responses}{f', of which {n_over} are over' if n_over else ''}"
    yield f"tuned: {', '.join((*sweep.space.distributions, *sweep.inner_space.distributions))}"
    if sweep.objective.needs_references:
        yield f"before: no defense, with {'the same seeds' if seeds else 'the same seed'}"
    if sweep.fresh_seeds:
        others = "the defense as given and no defense" if sweep.objective.defends else "the attack as given"
        yield f"after: the best trial, {others}, with {len(sweep.fresh_seeds)} fresh seed{'s' * (len(sweep.fresh_seeds) > 1)}"
    left = time_left(stages, n_workers)
    yield f"time: {'known when the first trial is over' if left is None else f'about {left}, as the trials so far took'}"


def time_left(stages: Stages, n_workers: int) -> timedelta | None:
    """Return the time that is left, with as many workers as now; None before a trial has succeeded or was pruned."""
    sweep, counted = stages.sweep, stages.tuning.counted()
    spans = [
        trial.datetime_complete - trial.datetime_start
        for trial in counted
        if trial.state != TrialState.FAIL and trial.datetime_start and trial.datetime_complete
    ]
    if not spans:
        return None
    n_compared = (3 if sweep.objective.defends else 2) * len(sweep.fresh_seeds) - len(stages.comparisons.counted())
    n_left = max(sweep.n_trials - len(counted), 0) + max(n_compared, 0) / sweep.objective.n_runs  # in trials
    return timedelta(seconds=round(mean(span.total_seconds() for span in spans) * n_left / n_workers))
