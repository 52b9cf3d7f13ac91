"""How many accounts reach a level of exposure: which numbers are tried next, and what the tried ones say."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log, nan
from statistics import mean

SHARE, MOST = 0.05, 0.1  # of the users: how many accounts every defense is judged with, and how many are tried at most
_STEPS = (1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120)  # and ten times the last six, and so on
_APART = 1.25  # neighbours are at least so many times apart, but for the smallest

Curve = Mapping[int, Sequence[float]]  # number of accounts -> exposure of each seed


def limit_of(users: int) -> int:
    """Return the number of accounts that every defense is judged with: 5 % of the users, at least one account."""
    return max(1, int(SHARE * users + 1e-9))


def grid_of(users: int) -> list[int]:
    """Return the numbers of accounts that may be tried, ascending: `limit_of`, 10 % of the users, and round numbers below.

    >>> grid_of(943)
    [1, 2, 3, 5, 8, 12, 20, 30, 47, 94]
    """
    limit, most = limit_of(users), max(1, int(MOST * users + 1e-9))
    steps, factor = list(_STEPS), 10
    while steps[-1] < most:
        steps += [factor * step for step in _STEPS[5:]]
        factor *= 10
    own = {limit, most}
    free = {step for step in steps if step < most and all(max(step, one) >= _APART * min(step, one) for one in own)}
    return sorted(own | free)


def next_number(curve: Curve, level: float, grid: Sequence[int], limit: int, n_seeds: int) -> int | None:
    """Return the number that a bisection for a level tries next, None if it has ended.

    It begins with `limit`, goes by the mean over all seeds, and ends with neighbours of the grid of which one reaches the level.
    """
    low, high, place = -1, len(grid), grid.index(limit)  # no account and more than the most
    while high - low > 1:
        number = grid[place]
        if len(curve.get(number, ())) < n_seeds:
            return number
        low, high = (low, place) if mean(curve[number]) >= level else (place, high)
        place = (low + high) // 2
    return None


@dataclass(frozen=True)
class Answer:
    """How many accounts a level takes; nan: there is no such number."""

    least: float  # up to so many, no run reached it
    estimate: float  # where the mean reaches it
    most: float  # from so many on, every run reached it
    tried: int  # the largest number that was tried
    at_most: bool  # the smallest number that was tried reaches it already, so `estimate` is no more than an upper bound


def answer(curve: Curve, level: float) -> Answer:
    """Return what the tried numbers say about a level.

    >>> answer({1: [0.0, 0.0], 10: [0.2, 0.0], 100: [0.2, 0.2]}, 0.2)
    Answer(least=1, estimate=100.0, most=100, tried=100, at_most=False)
    """
    tried = sorted(curve)
    below = [number for place, number in enumerate(tried) if all(max(curve[one]) < level for one in tried[: place + 1])]
    above = [number for place, number in enumerate(tried) if all(min(curve[one]) >= level for one in tried[place:])]
    bounds = max(below, default=nan), _estimate(curve, tried, level), min(above, default=nan)
    return Answer(*bounds, tried[-1], mean(curve[tried[0]]) >= level)


def _estimate(curve: Curve, tried: Sequence[int], level: float) -> float:
    """Return where the mean first reaches a level, on a line between two tried numbers' logarithms; the smallest one if it does so."""
    means = [mean(curve[number]) for number in tried]
    first = next((place for place, value in enumerate(means) if value >= level), None)
    if first is None:
        return nan
    if first == 0:
        return float(tried[0])
    (before, low), (after, high) = ((log(tried[place]), means[place]) for place in (first - 1, first))
    return round(exp(before + (after - before) * (level - low) / (high - low)), 2)


def spread(grid: Sequence[int], limit: int, wanted: int = 4) -> list[int]:
    """Return so many numbers of the grid up to `limit`, evenly over their places.

    >>> spread([1, 2, 3, 5, 8, 12, 20, 30, 47, 94], 47)
    [3, 8, 20, 47]
    """
    below = grid[: bisect_left(grid, limit) + 1]
    step = max(1, len(below) // wanted)
    return list(below[::-1][::step][:wanted][::-1])
