"""The paper's tables, measured next to printed. The folder printed/ holds what the paper prints, in its own units."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from experiments.analysis.comparison import Comparison, Outcome
from experiments.analysis.measured import Measured
from experiments.analysis.released_runs import of_cell

PRINTED = Path(__file__).parents[1] / "printed"
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


def numbered(table: str) -> str:
    """
    Return the number that the paper gives a table.

    >>> numbered("table7_q")
    'Table VII, left'
    """
    return NUMBERED[table].partition(":")[0]


def comparisons(measured: Measured, table: str) -> list[Comparison]:
    """Return a comparison for every number that the paper prints in a table, or in a figure whose numbers are known."""
    found = []
    for choices, values in printed(table):
        cell = next(measured.where(table, choices), None)
        released = of_cell(table, choices)
        found += [Comparison(table, choices, metric, value, cell, released) for metric, value in values.items()]
    return found


def printed(table: str) -> Iterator[tuple[dict[str, str], dict[str, float]]]:
    """Yield the choices and the printed values of each cell."""
    with (PRINTED / f"{table}.csv").open(encoding="utf-8") as file:
        for line in csv.DictReader(file):
            values = {name: float(text) for name, text in line.items() if "@" in name or name in _STATISTICS}
            yield {name: text for name, text in line.items() if name not in values}, values


def agreement(compared: Sequence[Comparison], metric: str) -> dict[Outcome, int]:
    """Return how many numbers of a metric (ER@ or HR@) have each verdict; those that were not measured are left out."""
    found = [one.verdict for one in compared if one.metric.startswith(metric)]
    return {"agrees": found.count("agrees"), "one draw": found.count("one draw"), "differs": found.count("differs")}
