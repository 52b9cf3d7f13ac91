"""What one run of a trial achieved, and means over the seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain


@dataclass(frozen=True)
class Outcome:
    """The metrics of one run, at the epoch with the best selection metric on the validation item."""

    exposure_ratio: float  # ER@K of the targets
    hit_ratio: float  # the selection metric, HR@K for instance, on the validation item
    test_hit_ratio: float  # the same on the test item

    @classmethod
    def of(cls, metrics: Mapping[str, float], selection: str) -> "Outcome":
        """Read the metrics of an evaluation; `selection` names the selection metric."""
        return cls(metrics[f"ER@{selection.split('@')[1]}"], metrics[f"validation_{selection}"], metrics[selection])


def summary(columns: Mapping[str, Sequence[float]]) -> dict[str, float | None]:
    """Return the mean of every column under its name, and the standard error under NAME_stderr."""
    pairs = [((name, mean(column)), (f"{name}_stderr", standard_error(column))) for name, column in columns.items()]
    return dict(chain.from_iterable(pairs))


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def standard_error(values: Sequence[float]) -> float | None:
    """Return the standard error of the mean, None for a single value.

    >>> standard_error([1.0, 3.0])
    1.0
    """
    if len(values) < 2:
        return None
    centre = mean(values)
    return float((sum((value - centre) ** 2 for value in values) / (len(values) - 1) / len(values)) ** 0.5)
