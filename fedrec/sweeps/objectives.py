"""What a sweep tunes for, how a trial is measured, and what its best trial is compared with at the end.

Every run is judged at the epoch with the best HR@K on the validation item. Trials see ER@K and the validation item only; the
comparisons at the end, on seeds that no trial has seen, report the test item.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from fedrec.interfaces import Positive

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from fedrec.sweeps.search_space import SearchSpace
    from fedrec.sweeps.trial_runs import TrialRuns

Direction = Literal["minimize", "maximize"]
Values = tuple[float, ...]  # what Optuna is told of a trial, one for each objective
NO_DEFENSE, AS_GIVEN = "no defense", "as given"


@dataclass(frozen=True)
class Outcome:
    """One run at its chosen epoch."""

    exposure_ratio: float  # ER@K of the targets
    hit_ratio: float  # HR@K of the validation item
    test_hit_ratio: float  # HR@K of the test item


@dataclass(kw_only=True)
class Plan(ABC):
    """What the worker does with a trial."""

    defends: ClassVar[bool] = False  # whether the trials are of a defense
    needs_references: ClassVar[bool] = False  # whether HR@K without a defense must be known first

    seeds: Positive  # runs of a trial
    fresh_seeds: Positive  # runs of each comparison at the end
    every_round: bool  # whether MLflow gets every round of a trial's runs, too
    space: dict[str, str]  # what is tuned, of the options that the chosen attack and defense have

    @property
    @abstractmethod
    def objectives(self) -> Mapping[str, Direction]:
        """Name -> direction of each value."""

    @property
    def inner_space(self) -> Mapping[str, str]:
        """What is tuned inside a trial."""
        return {}

    @property
    def directions(self) -> tuple[Direction, ...]:
        return tuple(self.objectives.values())

    def values(self, outcome: Outcome, reference: float) -> Values:
        """Of one run: its ER@K, unless a plan says otherwise; `reference` is HR@K on the validation item without a defense, same seed."""
        return (outcome.exposure_ratio,)

    def measure(self, runs: "TrialRuns", overrides: Sequence[str], seeds: Sequence[int]) -> Values | None:
        """The mean values over the seeds; None if the trial was pruned. Every evaluation is reported to the pruner."""
        outcomes: list[Outcome] = []

        def hopeless(outcome: Outcome) -> bool:
            if len(self.directions) > 1:  # Optuna cannot prune a study with several objectives
                return False
            runs.trial.report(self.values(outcome, runs.references.get(seed, 0.0))[0], runs.n_evaluations)
            return runs.trial.should_prune()

        for seed in seeds:
            outcome = runs.run(overrides, seed, f"seed_{seed}", hopeless)
            if outcome is None:
                return None
            outcomes.append(outcome)
        return self.conclude(runs, outcomes, seeds)

    def conclude(self, runs: "TrialRuns", outcomes: Sequence[Outcome], seeds: Sequence[int]) -> Values:
        """The mean values; means and standard errors over the seeds stay with the trial as user attributes."""
        measured = [self.values(one, runs.references.get(seed, 0.0)) for one, seed in zip(outcomes, seeds, strict=True)]
        columns = dict(zip(self.objectives, zip(*measured, strict=True), strict=True))
        columns |= {"ER": tuple(one.exposure_ratio for one in outcomes), "validation_HR": tuple(one.hit_ratio for one in outcomes)}
        for name, column in columns.items():
            runs.trial.set_user_attr(name, mean(column))
            runs.trial.set_user_attr(f"{name}_stderr", standard_error(column))
        return tuple(mean(columns[name]) for name in self.objectives)

    def comparisons(self, best: "Sequence[FrozenTrial]", as_given: "FrozenTrial | None", space: "SearchSpace") -> dict[str, list[str]]:
        """Label -> overrides of what is run on fresh seeds. What is not known yet is not there."""
        baselines: dict[str, list[str]] = {NO_DEFENSE: [], AS_GIVEN: []} if self.defends else {AS_GIVEN: []}
        return baselines | {f"trial {trial.number}": space.overrides(trial.params) for trial in best}


@dataclass(kw_only=True)
class TuneAttack(Plan):
    """The highest exposure."""

    @property
    def objectives(self) -> Mapping[str, Direction]:
        return {"ER": "maximize"}


@dataclass(kw_only=True)
class TuneDefense(Plan):
    """One number: ER@K + hr_weight * max(0, HR@K lost against no defense, under the attack as given)."""

    defends = True
    needs_references = True

    hr_weight: Annotated[float, Field(ge=0)]

    @property
    def objectives(self) -> Mapping[str, Direction]:
        return {"objective": "minimize"}

    def values(self, outcome: Outcome, reference: float) -> Values:
        """
        >>> plan = TuneDefense(seeds=1, fresh_seeds=1, every_round=False, space={}, hr_weight=2)
        >>> plan.values(Outcome(exposure_ratio=0.25, hit_ratio=0.5, test_hit_ratio=0), reference=0.625)
        (0.5,)
        """
        return (outcome.exposure_ratio + self.hr_weight * max(0.0, reference - outcome.hit_ratio),)


@dataclass(kw_only=True)
class DefenseFront(Plan):
    """Exposure low, hits high, and nothing said about which matters more."""

    defends = True

    @property
    def objectives(self) -> Mapping[str, Direction]:
        return {"ER": "minimize", "HR": "maximize"}

    def values(self, outcome: Outcome, reference: float) -> Values:
        return outcome.exposure_ratio, outcome.hit_ratio


@dataclass(kw_only=True)
class ReturnedValue(Plan):
    """Without `sweep=`: whatever the job returns, of one run, and nothing around it."""

    seeds: Literal[1] = 1
    fresh_seeds: Literal[0] = 0
    every_round: Literal[True] = True
    returned: tuple[Direction, ...]

    @property
    def objectives(self) -> Mapping[str, Direction]:
        return {f"value {number}" if number else "value": direction for number, direction in enumerate(self.returned)}

    def measure(self, runs: "TrialRuns", overrides: Sequence[str], seeds: Sequence[int]) -> Values:
        value = runs.value(overrides)
        return tuple(map(float, value)) if isinstance(value, Sequence) else (float(value),)


def mean(values: Sequence[float]) -> float:
    """
    >>> mean([1.0, 3.0])
    2.0
    """
    return sum(values) / len(values)


def standard_error(values: Sequence[float]) -> float | None:
    """
    Of the mean; None for a single value.

    >>> standard_error([1.0, 3.0])
    1.0
    """
    if len(values) < 2:
        return None
    centre = mean(values)
    return float((sum((value - centre) ** 2 for value in values) / (len(values) - 1) / len(values)) ** 0.5)
