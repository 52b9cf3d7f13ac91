"""One number of the paper next to what was measured, and the verdict on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from experiments.analysis.measured import MeasuredCell
from experiments.analysis.released_runs import ReleasedRuns

ER_POINTS, HR_POINTS = 10.0, 3.0  # how far a measured value may be from the printed one
HIGH, LOW = 90.0, 5.0  # if both exposures are above or below, they agree
SWING = 10.0  # points of ER@K between the best epoch and those around it, from which on the best epoch alone says little
_RULES = {"table2": "final", "table8": "dataset"}  # which part of a run's result counts; elsewhere `best`
_DIGITS = 2  # of the paper's percentages

Outcome = Literal["agrees", "one draw", "differs"]


@dataclass(frozen=True)
class Comparison:
    """One number of the paper and what was measured, both in the paper's unit: ER, HR and sparsity in percent."""

    table: str
    choices: Mapping[str, str]
    metric: str
    printed: float
    cell: MeasuredCell | None  # None: not measured
    released: Sequence[ReleasedRuns] = ()  # the released code's own runs of this cell

    @property
    def unit(self) -> float:
        return 100.0 if self.metric.startswith(("ER@", "HR@")) or self.metric == "sparsity" else 1.0

    @property
    def rule(self) -> str:
        return _RULES.get(self.table, "best")

    @property
    def values(self) -> list[float]:
        """The value of each seed; none if the cell was not measured."""
        return [] if self.cell is None else [self.unit * value for value in self.cell.values(self.metric, self.rule)]

    @property
    def measured(self) -> float | None:
        return self.by(self.rule)

    @property
    def error(self) -> float | None:
        """The standard error over seeds; None for a single seed."""
        error = None if self.cell is None else self.cell.error(self.metric, self.rule)
        return None if error is None else self.unit * error

    def by(self, rule: str) -> float | None:
        """Return the mean over seeds by any rule, or None if it cannot be told."""
        if self.cell is None or not self.cell.has(self.metric, rule):
            return None
        return self.unit * self.cell.mean(self.metric, rule)

    @property
    def swinging(self) -> list[int]:
        """The seeds whose ER@K at the best epoch is more than `SWING` points from the mean around it."""
        if self.cell is None or not self.metric.startswith("ER@") or not self.cell.has(self.metric, "near_best"):
            return []
        pairs = zip(self.cell.values(self.metric), self.cell.values(self.metric, "near_best"), strict=True)
        return [seed for seed, (best, near) in zip(self.cell.runs, pairs, strict=True) if abs(best - near) > SWING / self.unit]

    @property
    def verdict(self) -> Outcome | None:
        """What can be said of both numbers; None if the project asks nothing or nothing was measured."""
        if self.measured is None or not self.metric.startswith(("ER@", "HR@")):
            return None
        if self._near(self.measured):
            return "agrees"
        return "one draw" if self.draws else "differs"

    @property
    def draws(self) -> list[str]:
        """Whose runs have the paper's number in their range: `our seeds`, `released code`. Equal runs have a range of one point."""
        found = [("our seeds", self.values), *(("released code", runs.values(self.metric)) for runs in self.released)]
        return list(dict.fromkeys(who for who, values in found if values and self._within(values)))

    def _near(self, measured: float) -> bool:
        if self.metric.startswith("HR@"):
            return abs(measured - self.printed) <= HR_POINTS
        same_side = (self.printed > HIGH and measured > HIGH) or (self.printed < LOW and measured < LOW)
        return same_side or abs(measured - self.printed) <= ER_POINTS

    def _within(self, values: Sequence[float]) -> bool:
        return round(min(values), _DIGITS) <= self.printed <= round(max(values), _DIGITS)
