"""The paper's tables, measured next to printed. The folder printed/ holds what the paper prints, in its own units."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.analysis.measured import Measured, MeasuredCell

PRINTED = Path(__file__).parents[1] / "printed"
ER_POINTS, HR_POINTS = 10.0, 3.0  # how far a measured value may be from the printed one
HIGH, LOW = 90.0, 5.0  # if both exposures are above or below, they agree
_STATISTICS = ("users", "items", "interactions", "rate", "sparsity")  # of a data set, Table VIII

TABLES: Mapping[str, str] = {  # name -> title
    "table2": "Table II: likeness of popular items and users (PKL), and share of users reached (UCR), at round 200",
    "table3": "Table III: attacks without a defense",
    "table4": "Table IV: defenses against the three strongest attacks, ML-100K",
    "table5": "Table V: K = 5 and 20, MF-FRS, ML-100K",
    "table6_attack": "Table VI, left: PIECK-IPE taken apart, MF-FRS, ML-100K",
    "table6_defense": "Table VI, right: the defense taken apart, MF-FRS, ML-100K",
    "table7_q": "Table VII, left: ten negatives per positive, MF-FRS, ML-100K",
    "table7_targets": "Table VII, right: three targets, MF-FRS, ML-100K",
    "table8": "Table VIII: data sets",
    "table9_together": "Table IX, left: targets trained together, MF-FRS, ML-100K",
    "table9_copy": "Table IX, right: one target trained, then copied, MF-FRS, ML-100K",
    "table10": "Table X: learning rates of the clients, MF-FRS, ML-100K",
    "table11": "Table XI: loss functions, MF-FRS, ML-100K",
}
NUMBERED: Mapping[str, str] = {  # the tables, and the figure whose numbers are known
    **TABLES,
    "fig7": "Fig. 7 in numbers: 150 epochs, as a notebook of the released code prints them",
}
_RULES = {"table2": "final", "table8": "dataset"}  # which part of a run's result counts; elsewhere `best`


@dataclass(frozen=True)
class Comparison:
    """One number of the paper and what was measured, both in the paper's unit: ER, HR and sparsity in percent."""

    table: str
    choices: Mapping[str, str]
    metric: str
    printed: float
    cell: MeasuredCell | None  # None: not measured

    @property
    def unit(self) -> float:
        return 100.0 if self.metric.startswith(("ER@", "HR@")) or self.metric == "sparsity" else 1.0

    @property
    def rule(self) -> str:
        return _RULES.get(self.table, "best")

    @property
    def measured(self) -> float | None:
        return None if self.cell is None else self.unit * self.cell.mean(self.metric, self.rule)

    @property
    def error(self) -> float | None:
        """The standard error over seeds; None for a single seed."""
        error = None if self.cell is None else self.cell.error(self.metric, self.rule)
        return None if error is None else self.unit * error

    @property
    def agrees(self) -> bool | None:
        """Whether both numbers are as near as the project asks; None if it asks nothing or nothing was measured."""
        measured, printed = self.measured, self.printed
        if measured is None or not self.metric.startswith(("ER@", "HR@")):
            return None
        if self.metric.startswith("HR@"):
            return abs(measured - printed) <= HR_POINTS
        same_side = (printed > HIGH and measured > HIGH) or (printed < LOW and measured < LOW)
        return same_side or abs(measured - printed) <= ER_POINTS


def comparisons(measured: Measured, table: str) -> list[Comparison]:
    """Return a comparison for every number that the paper prints in a table, or in a figure whose numbers are known."""
    found = []
    for choices, values in printed(table):
        cell = next(measured.where(table, choices), None)
        found += [Comparison(table, choices, metric, value, cell) for metric, value in values.items()]
    return found


def printed(table: str) -> Iterator[tuple[dict[str, str], dict[str, float]]]:
    """Yield the choices and the printed values of each cell."""
    with (PRINTED / f"{table}.csv").open() as file:
        for line in csv.DictReader(file):
            values = {name: float(text) for name, text in line.items() if "@" in name or name in _STATISTICS}
            yield {name: text for name, text in line.items() if name not in values}, values


def agreement(compared: Sequence[Comparison], metric: str) -> tuple[int, int]:
    """Return how many numbers of a metric (ER@ or HR@) agree with the paper, and how many were measured."""
    inspected = [one.agrees for one in compared if one.metric.startswith(metric) and one.agrees is not None]
    return sum(inspected), len(inspected)
