"""What several seeds say together: mean, standard error, and which of several means is the best."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import hypot
from statistics import mean, stdev
from typing import Any


@dataclass(frozen=True)
class OverSeeds:
    """A metric of one setting, with a value for every seed that has one."""

    values: Mapping[Any, float]

    @cached_property
    def n(self) -> int:
        return len(self.values)

    @cached_property
    def mean(self) -> float:
        """The mean over seeds; there must be one."""
        return float(mean(self.values.values()))

    @cached_property
    def error(self) -> float | None:
        """The standard error of the mean; None for fewer than two seeds."""
        return standard_error(list(self.values.values()))

    def is_near(self, other: "OverSeeds") -> bool:
        """Return whether both means differ by at most one standard error of their difference."""
        return abs(self.mean - other.mean) <= hypot(self.error or 0.0, other.error or 0.0)


def standard_error(values: Sequence[float]) -> float | None:
    """Return the standard error of the mean, None for a single value.

    >>> standard_error([1.0, 3.0])
    1.0
    """
    return float(stdev(values) / len(values) ** 0.5) if len(values) > 1 else None


def best(candidates: Sequence[OverSeeds], highest: bool) -> list[bool]:
    """Return which candidates have the best mean or are near it. None has if all are: then nothing tells them apart.

    >>> best([OverSeeds({0: 0.1}), OverSeeds({0: 0.3}), OverSeeds({})], highest=False)
    [True, False, False]
    """
    known = [one for one in candidates if one.n]
    if not known:
        return [False] * len(candidates)
    top = (max if highest else min)(known, key=lambda one: one.mean)
    marked = [bool(one.n) and one.is_near(top) for one in candidates]
    return [False] * len(candidates) if sum(marked) == len(known) else marked
