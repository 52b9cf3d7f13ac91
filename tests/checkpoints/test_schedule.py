"""When a checkpoint is due, by a clock that the test turns."""

from typing import Literal

import pytest

from fedrec.checkpoints.schedule import Schedule


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


def written(seconds_a_round: float, duration: float, n_rounds: int = 1000, every: int | Literal["auto"] | None = "auto") -> list[int]:
    """The epochs, of one round each, after which a checkpoint that takes `duration` seconds is written."""
    clock, found = Clock(), []
    schedule = Schedule(every, n_rounds, 0, clock)
    for round in range(1, n_rounds + 1):
        clock.time += seconds_a_round
        if schedule.is_due(round, round):
            clock.time += duration
            schedule.wrote(duration)
            found.append(round)
    return found


def test_a_number_of_epochs_is_kept_to_but_for_the_last_one() -> None:
    assert written(0.001, 0.1, 10, every=3) == [3, 6, 9]
    assert written(0.001, 0.1, 9, every=3) == [3, 6]
    assert written(100, 0.1, 10, every=None) == []


def test_a_run_of_less_than_a_minute_writes_none() -> None:
    assert written(0.059, 0.001) == []
    assert written(0.061, 0.001) == [492, 984]


def test_half_a_minute_passes_from_one_to_the_next() -> None:
    assert written(1, 0.01, 100) == [30, 60, 90]


@pytest.mark.parametrize("duration", [0.001, 0.1, 1, 10, 100])
def test_writing_takes_two_percent_at_most(duration: float) -> None:
    count = len(written(1, duration, 100_000))
    assert 0 < duration * max(count - 1, 0) <= 0.02 * 100_000  # how long the first one takes is not known; its size is, see `save`


def test_a_run_that_goes_on_is_judged_by_its_own_rounds() -> None:
    clock = Clock()
    schedule = Schedule("auto", 1000, 900, clock)
    clock.time += 31
    assert not schedule.is_due(1000, 1000)
    assert schedule.is_due(990, 990)  # 90 rounds in 31 s: the whole run takes six minutes
