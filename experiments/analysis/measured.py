"""What has been measured, cell by cell: means and standard errors over seeds."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import mean
from typing import TYPE_CHECKING, Any

from experiments.analysis.swings import Run, exposed, near_best, peak
from fedrec.comparison.over_seeds import standard_error
from fedrec.evaluation.popular_share import POPULAR_SHARE

if TYPE_CHECKING:
    import pandas as pd

_COMPUTED: Mapping[str, Callable[[Run], Mapping[str, float]]] = {"near_best": near_best, "peak": peak, "exposed": exposed}


@dataclass(frozen=True)
class MeasuredCell:
    """All seeds of one cell."""

    experiment: str
    choices: Mapping[str, str]  # lower case
    dataset: str
    runs: Mapping[int, Run]  # seed -> what `Record` keeps of the run

    def values(self, metric: str, rule: str = "best") -> list[float]:
        """Return the value of each seed. Raises KeyError if the metric was not kept.

        `rule` is `best` (the epoch with the best HR@10), `near_best`, `peak`, `exposed`, `final` or, for whole runs, `dataset`.
        """
        return [float(_part(run, rule)[metric]) for run in self.runs.values()]

    def has(self, metric: str, rule: str) -> bool:
        """Return whether `values` can be told."""
        return all(metric in _part(run, rule) for run in self.runs.values())

    def mean(self, metric: str, rule: str = "best") -> float:
        return float(mean(self.values(metric, rule)))

    def error(self, metric: str, rule: str = "best") -> float | None:
        """Return the standard error of the mean, or None for a single seed."""
        return standard_error(self.values(metric, rule))

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
    def seconds_per_round(self) -> list[float]:
        """The mean seconds of training, attack and aggregation, of each seed."""
        return [float(run["seconds"]["train"]) / int(run["rounds"]) for run in self.runs.values()]

    @property
    def near_best(self) -> "MeasuredCell":
        """The same cell with the means around the best epoch in place of the best epoch."""
        return replace(self, runs={seed: {**run, "best": near_best(run)} for seed, run in self.runs.items()})


def _part(run: Run, rule: str) -> Mapping[str, Any]:
    return _COMPUTED[rule](run) if rule in _COMPUTED else run[rule]


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

    @property
    def near_best(self) -> "Measured":
        """The same cells with the means around the best epoch in place of the best epoch."""
        return Measured({experiment: [cell.near_best for cell in cells] for experiment, cells in self.cells.items()})

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
