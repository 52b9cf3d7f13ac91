"""What a sweep says before it starts, and the time left that it names."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from optuna.trial import TrialState

from fedrec.sweeps.forecast import announced, time_left
from tests.sweeps.sweeps import results

BEGUN = datetime(2026, 1, 1)


def trial(seconds: int, state: TrialState = TrialState.COMPLETE) -> Any:
    return SimpleNamespace(state=state, datetime_start=BEGUN, datetime_complete=BEGUN + timedelta(seconds=seconds))


def stages(trials: list[Any], n_trials: int = 10, n_compared: int = 0, fresh: int = 0, inner: int = 0) -> Any:
    """Of a sweep that tunes a defense, two runs a trial; with `inner` responses to each candidate."""
    objective = SimpleNamespace(needs_references=True, defends=True, n_runs=2 * max(inner, 1))
    sweep = SimpleNamespace(
        name="s",
        n_trials=n_trials,
        objective=objective,
        seeds=range(2),
        fresh_seeds=range(fresh),
        space=SimpleNamespace(distributions={"defense.N": None}),
        inner_space=SimpleNamespace(distributions={"attack.N": None} if inner else {}),
    )
    ended = SimpleNamespace(counted=lambda: [trial(1)] * n_compared)
    return SimpleNamespace(sweep=sweep, tuning=SimpleNamespace(counted=lambda: trials), comparisons=ended)


@pytest.mark.parametrize(
    ("found", "n_workers", "seconds"),
    [
        (stages([trial(10), trial(20, TrialState.PRUNED)]), 1, 8 * 15),
        (stages([trial(10), trial(20, TrialState.PRUNED)]), 2, 4 * 15),
        (stages([trial(10), trial(0, TrialState.FAIL)]), 1, 8 * 10),  # what has failed at once says nothing
        (stages([trial(10)] * 10, fresh=4), 1, 3 * 4 * 5),  # the best, as given, and no defense; half a trial each
        (stages([trial(10)] * 10, fresh=4, n_compared=11), 1, 5),
        (stages([trial(10)] * 12, n_compared=99), 1, 0),
    ],
)
def test_the_time_left_follows_from_the_trials_that_are_over(found: Any, n_workers: int, seconds: int) -> None:
    assert time_left(found, n_workers) == timedelta(seconds=seconds)


@pytest.mark.parametrize("trials", [[], [trial(0, TrialState.FAIL)]])
def test_nobody_guesses_before_a_trial_has_ended(trials: list[Any]) -> None:
    assert time_left(stages(trials), 1) is None
    assert list(announced(stages(trials), 1))[-1] == "time: known when the first trial is over"


def test_a_sweep_that_goes_on_says_how_far_it_is() -> None:
    assert list(announced(stages([trial(90)] * 4, fresh=1, inner=5), 1)) == [
        "study s: 10 trials x 2 seeds x 5 responses, of which 4 are over",
        "tuned: defense.N, attack.N",
        "before: no defense, with the same seeds",
        "after: the best trial, the defense as given and no defense, with 1 fresh seed",
        "time: about 0:09:27, as the trials so far took",
    ]


@pytest.mark.slow
def test_the_lines_of_a_real_sweep(tuned: Path) -> None:
    assert (tuned / "errors").read_text().splitlines()[:5] == [
        "study tuned: 6 trials x 2 seeds",
        "tuned: defense.beta, defense.gamma, defense.N",
        "before: no defense, with the same seeds",
        "after: the best trial, the defense as given and no defense, with 2 fresh seeds",
        "time: known when the first trial is over",
    ]
    lines = (tuned / "output").read_text().splitlines()
    ended = [line for line in lines if re.match(r"trial \d \(\d of 6\)", line)]
    assert len(ended) == 6 == sum(results(tuned)["trials"].values())
    assert all(re.search(r" s \(about \d+:\d\d:\d\d left\)$| report \d+ \(about \d+:\d\d:\d\d left\)$", line) for line in ended)
    (reference,) = [line for line in lines if line.startswith("reference, seed 0: ")]
    assert re.fullmatch(r"reference, seed 0: ER \d\.\d{4}, HR \d\.\d{4}, \d+\.\d s", reference)
