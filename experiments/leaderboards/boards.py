"""Boards: all runs on one data set with one model, and what each attack does to each defense.

An attack that promotes items is judged by ER@10 around the best epoch (`near_best`), every attack by the degradation ratio of HR@10
against the same defense, model, data and seed without an attack. A run that diverged counts as the worst that there is: everybody sees the
target, and no hit is left.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from experiments.analysis.measured import Measured, MeasuredCell
from experiments.leaderboards.field import NONE
from fedrec.comparison.over_seeds import OverSeeds
from fedrec.evaluation.degradation import ratio

if TYPE_CHECKING:
    import pandas as pd

Run = Mapping[str, Any]  # what `BoardRecord` keeps of a run
RANDOM = 0.10  # HR@10 of a ranking at random among 100 candidates


@dataclass(frozen=True)
class Board:
    """All runs on one data set with one model: (attack, defense) -> seed -> run."""

    dataset: str
    model: str
    runs: Mapping[tuple[str, str], Mapping[int, Run]]

    @cached_property
    def attacks(self) -> list[str]:
        """All attacks, those that promote items first, each kind by name."""
        promoting = {attack: bool(run["targets"]) for (attack, _), runs in self.runs.items() for run in runs.values() if attack != NONE}
        return sorted(promoting, key=lambda attack: (not promoting[attack], attack))

    @cached_property
    def promoting(self) -> set[str]:
        """The attacks that promote items."""
        return {attack for (attack, _), runs in self.runs.items() if attack != NONE and any(run["targets"] for run in runs.values())}

    @cached_property
    def defenses(self) -> list[str]:
        """All defenses that ran without an attack: the others have no reference."""
        return sorted({defense for attack, defense in self.runs if attack == NONE})

    @cached_property
    def seeds(self) -> list[int]:
        return sorted({seed for runs in self.runs.values() for seed in runs})

    def hits(self, defense: str, rule: str = "best") -> OverSeeds:
        """Return HR@10 without an attack at the best or the `final` epoch; 0 if the run diverged."""
        return OverSeeds({seed: hits_of(run, rule) for seed, run in self.runs.get((NONE, defense), {}).items()})

    def price(self, defense: str) -> OverSeeds:
        """Return how much lower HR@10 is than without a defense, both without an attack; of the seeds that both have."""
        own, free = self.hits(defense).values, self.hits(NONE).values
        return OverSeeds({seed: free[seed] - value for seed, value in own.items() if seed in free})

    def exposure(self, attack: str, defense: str, rule: str = "near_best") -> OverSeeds:
        """Return ER@10 around the best epoch or at the `final` one; no value for an attack that promotes nothing."""
        runs = self.runs.get((attack, defense), {}) if attack in self.promoting else {}
        return OverSeeds({seed: exposure_of(run, rule) for seed, run in runs.items()})

    def degradation(self, attack: str, defense: str, rule: str = "best") -> OverSeeds:
        """Return the share of HR@10 that the attack takes, below 0 if it adds some; of the seeds that ran without it, too.

        Where the run without the attack has collapsed, and its HR@10 is that of a random ranking at most, there is no share.
        """
        free = {seed: run for seed, run in self.runs.get((NONE, defense), {}).items() if "diverged" in run or hits_of(run, rule) > RANDOM}
        runs = self.runs.get((attack, defense), {})
        return OverSeeds({seed: lost(run, hits_of(free[seed], rule), rule) for seed, run in runs.items() if seed in free})

    def of_seed(self, seed: int) -> "Board":
        """Return the board of one seed alone."""
        return Board(self.dataset, self.model, {key: {seed: runs[seed]} for key, runs in self.runs.items() if seed in runs})


def boards(table: "pd.DataFrame", experiments: Iterable[str]) -> list[Board]:
    """Return the boards of a table that `Store.table` made, in the order of its rows."""
    found: dict[tuple[str, str], dict[tuple[str, str], Mapping[int, Run]]] = {}
    measured = Measured.of(table)
    for cell in (cell for name in experiments for cell in measured.cells.get(name, ())):
        found.setdefault((cell.dataset, cell.choices["model"]), {})[key_of(cell)] = cell.runs
    return [Board(*name, runs) for name, runs in found.items()]


def key_of(cell: MeasuredCell) -> tuple[str, str]:
    return cell.choices["attack"], cell.choices["defense"]


def exposure_of(run: Run, rule: str = "near_best") -> float:
    """Return ER@10 around the best epoch or at the `final` one, 1 if the run diverged."""
    return 1.0 if "diverged" in run else float(run[rule]["ER@10"])


def hits_of(run: Run, rule: str = "best") -> float:
    """Return HR@10 at the best or the `final` epoch, 0 if the run diverged."""
    return 0.0 if "diverged" in run else float(run[rule]["HR@10"])


def lost(run: Run, without: float, rule: str = "best") -> float:
    """Return the share of HR@10 that a run lost against `without`: all of it if either diverged."""
    return ratio(hits_of(run, rule), without) if without else 1.0
