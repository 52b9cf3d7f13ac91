"""What has been measured, cell by cell: means and standard errors over seeds."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from fedrec.evaluation.popular_share import POPULAR_SHARE

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class MeasuredCell:
    """All seeds of one cell."""

    experiment: str
    choices: Mapping[str, str]  # lower case
    dataset: str
    runs: Mapping[int, Mapping[str, Any]]  # seed -> what `Record` keeps of the run

    def values(self, metric: str, rule: str = "best") -> list[float]:
        """Return the value of each seed.

        `rule` is the part of the result: `best` (the epoch with the best HR@10), `final` or, for whole runs, `seconds` or `dataset`.
        """
        return [float(run[rule][metric]) for run in self.runs.values()]

    def mean(self, metric: str, rule: str = "best") -> float:
        return float(mean(self.values(metric, rule)))

    def error(self, metric: str, rule: str = "best") -> float | None:
        """Return the standard error of the mean, or None for a single seed."""
        values = self.values(metric, rule)
        return float(stdev(values) / len(values) ** 0.5) if len(values) > 1 else None

    @property
    def popularity(self) -> list[int]:
        """The interactions of every item in training, in descending order."""
        counts, items = self.runs[min(self.runs)]["popularity"]
        return [count for count, number in sorted(zip(counts, items, strict=True), reverse=True) for _ in range(number)]

    @property
    def popular_share(self) -> float:
        """The share of all interactions that belongs to the popular items."""
        descending = self.popularity
        return float(sum(descending[: round(POPULAR_SHARE * len(descending))]) / sum(descending))

    @property
    def seconds_per_round(self) -> float:
        """The mean seconds of training, attack and aggregation."""
        return mean(float(run["seconds"]["train"]) / int(run["rounds"]) for run in self.runs.values())


@dataclass(frozen=True)
class Measured:
    """All measured cells, by experiment."""

    cells: Mapping[str, Sequence[MeasuredCell]]

    @classmethod
    def of(cls, table: "pd.DataFrame") -> "Measured":
        """Collect the seeds of each cell from a table that `Store.table` made."""
        runs: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
        for row in table.to_dict("records"):
            runs.setdefault((row["experiment"], row["point"]), []).append({str(name): value for name, value in row.items()})
        cells: dict[str, list[MeasuredCell]] = {}
        for (experiment, point), rows in runs.items():
            by_seed = {int(row["seed"]): json.loads(row["result"]) for row in sorted(rows, key=lambda row: row["seed"])}
            choices = {name: choice.lower() for name, _, choice in (text.partition("=") for text in json.loads(point))}
            cells.setdefault(experiment, []).append(MeasuredCell(experiment, choices, rows[0]["dataset"], by_seed))
        return cls(cells)

    def of_experiment(self, name: str) -> Sequence[MeasuredCell]:
        """Return the cells of an experiment, which is named without its folder."""
        return next((cells for experiment, cells in self.cells.items() if experiment.partition("/")[2] == name), ())

    def where(self, experiment: str, choices: Mapping[str, object]) -> Iterator[MeasuredCell]:
        """Yield the cells of an experiment that have these choices."""
        wanted = {name: str(value).lower() for name, value in choices.items()}
        return (cell for cell in self.of_experiment(experiment) if wanted.items() <= cell.choices.items())

    def find(self, experiment: str, **choices: object) -> MeasuredCell | None:
        """Return the first cell that has these choices; a dot in an option is written as two underscores."""
        return next(self.where(experiment, {name.replace("__", "."): value for name, value in choices.items()}), None)
