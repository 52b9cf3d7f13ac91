"""A measured quantity with its standard error over seeds, and the one rule that decides every check of a claim."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import copysign, hypot, inf
from statistics import mean
from typing import Literal

from fedrec.comparison.over_seeds import standard_error

ERRORS = 2.0  # standard errors by which a margin must differ from 0; with less it could as well have the other sign

Verdict = Literal["holds", "fails", "undecided"]


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds. `error` is None if there is a single seed: then no error is known, and the value alone decides.

    Errors of sums are those of independent quantities. Runs of one seed share their data, so real errors of differences are smaller.
    """

    value: float
    error: float | None = None

    @classmethod
    def of(cls, values: Sequence[float], unit: float = 1.0) -> "Estimate":
        """Return the mean of the values of all seeds."""
        error = standard_error(values)
        return cls(unit * mean(values), None if error is None else unit * error)

    def __add__(self, other: "Estimate | float") -> "Estimate":
        if not isinstance(other, Estimate):
            return Estimate(self.value + other, self.error)
        known = [error for error in (self.error, other.error) if error is not None]
        return Estimate(self.value + other.value, hypot(*known) if known else None)

    def __sub__(self, other: "Estimate | float") -> "Estimate":
        return self + (-1 * other)

    def __rsub__(self, other: float) -> "Estimate":
        return -1 * self + other

    def __rmul__(self, factor: float) -> "Estimate":
        return Estimate(factor * self.value, None if self.error is None else abs(factor) * self.error)

    def __lt__(self, other: "Estimate") -> bool:
        return self.value < other.value

    def __format__(self, form: str) -> str:
        return format(self.value, form)

    @property
    def clearness(self) -> float:
        """The number of standard errors by which the value lies above 0; infinite without an error."""
        return self.value / self.error if self.error else copysign(inf, self.value) if self.value else -inf

    @property
    def verdict(self) -> Verdict:
        """Whether a margin is above 0."""
        if abs(self.clearness) < ERRORS:
            return "undecided"
        return "holds" if self.clearness > 0 else "fails"


def weakest(margins: Iterable[Estimate]) -> Estimate:
    """Return the margin that decides where all have to be above 0: the one that is below 0 most clearly."""
    return min(margins, key=lambda margin: (margin.clearness, margin.value))


def strongest(margins: Iterable[Estimate]) -> Estimate:
    """Return the margin that decides where it is enough that one is above 0."""
    return max(margins, key=lambda margin: (margin.clearness, margin.value))


def together(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the verdict on a statement: it holds if every part of it holds, and fails if one part clearly fails."""
    if "fails" in verdicts:
        return "fails"
    return "undecided" if "undecided" in verdicts else "holds"
