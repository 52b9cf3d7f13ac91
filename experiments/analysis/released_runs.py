"""What the released code itself prints, run by run, and which cells of the tables its runs belong to.

printed/released_code.csv has a line for each run: ER@10 and HR@10 in percent at the epoch with the best HR@10 (the paper's rule), and
near_best, the mean ER@10 over the evaluations within five epochs of it. The seed `published` is the one in the code.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path

FILE = Path(__file__).parents[1] / "printed" / "released_code.csv"
SETTING = ("dataset", "attack", "N", "q", "defense", "targets")  # what all seeds of a group share

Place = tuple[str, dict[str, str]]  # a table and the choices of one of its cells


@dataclass(frozen=True)
class ReleasedRuns:
    """All seeds that the released code was run with in one setting."""

    setting: Mapping[str, str]
    runs: Sequence[Mapping[str, str]]

    def values(self, metric: str) -> list[float]:
        """Return the value of each run in percent; none if the metric is not known."""
        return [float(run[metric]) for run in self.runs if metric in run]

    @property
    def places(self) -> list[Place]:
        """The cells that these runs belong to. The paper shows a setting without a defense in several tables."""
        attack = {"attack": self.setting["attack"]}
        both = {**attack, "defense": self.setting["defense"]}
        if self.setting["dataset"] != "ml100k":
            return [("table3", {"model": "mf", "dataset": self.setting["dataset"], **attack})]
        if self.setting["q"] != "1":
            return [("table7_q", both)]
        if self.setting["targets"] != "1":
            return [("table9_together", {"attack.num_targets": self.setting["targets"], **both})]
        return [*(_undefended(attack) if both["defense"] == "none" else []), ("table4", {"model": "mf", **both})]


def _undefended(attack: Mapping[str, str]) -> Iterator[Place]:
    """Yield the cells of an attack alone, with one target and the usual options, outside Table IV."""
    yield "table3", {"model": "mf", "dataset": "ml100k", **attack}
    yield "table6_defense", {**attack, "defense.beta": "0.0", "defense.gamma": "0.0"}
    yield "table10", {"system.client_learning_rate": "null", **attack}
    yield "table11", {"system.loss": "bce", **attack, "defense": "none"}
    if attack["attack"] == "pieck_ipe":
        yield "table6_attack", {"attack.similarity": "split_cosine", "attack.weighted": "true"}


@cache
def released_runs() -> Sequence[ReleasedRuns]:
    """Read all runs, grouped by setting; the file lists the runs of a setting one after another."""
    with FILE.open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    groups = groupby(lines, key=lambda line: {name: line[name] for name in SETTING})
    return [ReleasedRuns(setting, list(runs)) for setting, runs in groups]


def of_cell(table: str, choices: Mapping[str, str]) -> list[ReleasedRuns]:
    """Return the runs that belong to a cell; settings that differ, as in N, stay apart."""
    return [group for group in released_runs() if (table, choices) in group.places]
