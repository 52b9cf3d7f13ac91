"""Where a run with another seed lies, judged from some seeds."""

from collections.abc import Sequence
from math import sqrt
from statistics import mean, stdev

COVERAGE = 0.9


def interval(values: Sequence[float], low: float, high: float, least: float = 0.0) -> tuple[float, float]:
    """Return bounds that one more value keeps to with a probability of 90 %, between `low` and `high`; those two for a single value.

    `least` is a standard deviation that the values have at least: a few equal ones do not say that all are equal.

    >>> interval([0.2, 0.2, 0.2], 0.0, 1.0)
    (0.2, 0.2)
    """
    n = len(values)
    if n < 2:
        return low, high
    from scipy.special import stdtrit  # the quantiles of Student's t

    half = float(stdtrit(n - 1, (1 + COVERAGE) / 2)) * max(stdev(values), least) * sqrt(1 + 1 / n)
    return max(low, mean(values) - half), min(high, mean(values) + half)


def share_interval(values: Sequence[float], users: int) -> tuple[float, float]:
    """Return such bounds for shares of the users, who are at least as uneven as the toss of a coin."""
    middle = (mean(values) * users + 1) / (users + 2)
    return interval(values, 0.0, 1.0, sqrt(middle * (1 - middle) / users))
