"""Where a run with another seed lies, judged from some seeds."""

from collections.abc import Sequence
from math import sqrt
from statistics import mean, stdev

COVERAGE = 0.9
_QUANTILES = (6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833)  # Student's t at 0.95 for 1, 2, ... degrees of freedom


def _quantile(degrees: int) -> float:
    """Return the 95 % quantile of Student's t, to about 0.01."""
    return _QUANTILES[degrees - 1] if degrees <= len(_QUANTILES) else 1.645 + 1.72 / degrees


def interval(values: Sequence[float], low: float, high: float, least: float = 0.0) -> tuple[float, float]:
    """Return bounds that one more value keeps to with a probability of 90 %, between `low` and `high`; those two for a single value.

    `least` is a standard deviation that the values have at least: a few equal ones do not say that all are equal.

    >>> interval([0.2, 0.2, 0.2], 0.0, 1.0)
    (0.2, 0.2)
    """
    n = len(values)
    if n < 2:
        return low, high
    half = _quantile(n - 1) * max(stdev(values), least) * sqrt(1 + 1 / n)
    return max(low, mean(values) - half), min(high, mean(values) + half)


def share_interval(values: Sequence[float], users: int) -> tuple[float, float]:
    """Return such bounds for shares of the users, who are at least as uneven as the toss of a coin."""
    middle = (mean(values) * users + 1) / (users + 2)
    return interval(values, 0.0, 1.0, sqrt(middle * (1 - middle) / users))
