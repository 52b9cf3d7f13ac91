"""The paper's tables, measured next to printed. What the paper prints stands in experiments/printed, in its own units."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.analysis.measured import Measured, MeasuredCell

PRINTED = Path(__file__).parents[1] / "printed"
ER_POINTS, HR_POINTS = 10.0, 3.0  # how far a measured value may be from the printed one
HIGH, LOW = 90.0, 5.0  # an exposure beyond them need only be on the same side


@dataclass(frozen=True)
class Layout:
    """How a table is laid out: the choices that make its rows and those that make its columns."""

    title: str
    rows: Sequence[str]
    columns: Sequence[str] = ()
    rule: str = "best"  # which evaluation of a run counts


TABLES: Mapping[str, Layout] = {
    "table2": Layout(
        "Table II: likeness of popular items and users (PKL), and share of users reached (UCR), at round 200", ["model"], (), "final"
    ),
    "table3": Layout("Table III: attacks without a defense", ["attack"], ["model", "dataset"]),
    "table4": Layout("Table IV: defenses against the three strongest attacks, ML-100K", ["defense"], ["model", "attack"]),
    "table5": Layout("Table V: K = 5 and 20, MF-FRS, ML-100K", ["attack", "defense"]),
    "table6_attack": Layout("Table VI, left: PIECK-IPE taken apart, MF-FRS, ML-100K", ["attack.similarity", "attack.weighted"]),
    "table6_defense": Layout("Table VI, right: the defense taken apart, MF-FRS, ML-100K", ["defense.beta", "defense.gamma"], ["attack"]),
    "table7_q": Layout("Table VII, left: ten negatives per positive, MF-FRS, ML-100K", ["attack", "defense"]),
    "table7_targets": Layout("Table VII, right: three targets, MF-FRS, ML-100K", ["attack", "defense"]),
    "table8": Layout("Table VIII: data sets", ["dataset"], (), "dataset"),
    "table9_together": Layout("Table IX, left: targets trained together, MF-FRS, ML-100K", ["attack", "defense"], ["attack.num_targets"]),
    "table9_copy": Layout(
        "Table IX, right: one target trained, then copied, MF-FRS, ML-100K", ["attack", "defense"], ["attack.num_targets"]
    ),
    "table10": Layout("Table X: learning rates of the clients, MF-FRS, ML-100K", ["system.client_learning_rate"], ["attack"]),
    "table11": Layout("Table XI: loss functions, MF-FRS, ML-100K", ["attack", "defense"], ["system.loss"]),
}
LAYOUTS: Mapping[str, Layout] = {  # those of figures for which the numbers are known, too
    **TABLES,
    "fig7": Layout("Fig. 7, the numbers: as a notebook of the released code prints them, 150 epochs", ["system.negatives_per_positive"]),
}


@dataclass(frozen=True)
class Comparison:
    """One number of the paper and what was measured, both in the paper's unit: ER, HR and sparsity in percent."""

    table: str
    choices: Mapping[str, str]
    metric: str
    printed: float
    cell: MeasuredCell | None  # None: not measured
    rule: str

    @property
    def unit(self) -> float:
        return 100.0 if self.metric.startswith(("ER@", "HR@")) or self.metric == "sparsity" else 1.0

    @property
    def measured(self) -> float | None:
        return None if self.cell is None else self.unit * self.cell.mean(self.metric, self.rule)

    @property
    def error(self) -> float | None:
        """Standard error, None of a single seed."""
        error = None if self.cell is None else self.cell.error(self.metric, self.rule)
        return None if error is None else self.unit * error

    @property
    def agrees(self) -> bool | None:
        """Whether measured and printed are as near as the project asks; None where it asks nothing, or nothing was measured."""
        measured, printed = self.measured, self.printed
        if measured is None or not self.metric.startswith(("ER@", "HR@")):
            return None
        if self.metric.startswith("HR@"):
            return abs(measured - printed) <= HR_POINTS
        same_side = (printed > HIGH and measured > HIGH) or (printed < LOW and measured < LOW)
        return same_side or abs(measured - printed) <= ER_POINTS


def comparisons(measured: Measured, table: str) -> list[Comparison]:
    """Every number that the paper prints in a table, or in a figure for which its numbers are known."""
    rule = LAYOUTS[table].rule
    found = []
    for choices, values in printed(table):
        cell = next(measured.where(table, choices), None)
        found += [Comparison(table, choices, metric, value, cell, rule) for metric, value in values.items()]
    return found


def printed(table: str) -> Iterator[tuple[dict[str, str], dict[str, float]]]:
    """Choices and values of each cell, as they stand in experiments/printed."""
    with (PRINTED / f"{table}.csv").open() as file:
        for line in csv.DictReader(file):
            values = {name: float(text) for name, text in line.items() if "@" in name or name in _STATISTICS}
            yield {name: text for name, text in line.items() if name not in values}, values


def agreement(compared: Sequence[Comparison], metric: str) -> tuple[int, int]:
    """How many numbers of a metric (ER@ or HR@) agree with the paper, of how many measured."""
    inspected = [one.agrees for one in compared if one.metric.startswith(metric) and one.agrees is not None]
    return sum(inspected), len(inspected)


_STATISTICS = ("users", "items", "interactions", "rate", "sparsity")
