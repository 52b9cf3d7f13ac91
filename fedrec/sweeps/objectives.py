"""What a sweep tunes for, how a trial is measured, and what its best trial is compared with at the end.

Every run is judged as `objective` says, by default at the epoch with the best HR@K on the validation item. Trials see ER@K and the
validation item only. The comparisons at the end use seeds that no trial has seen, and report the test item.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Protocol

from optuna.trial import FrozenTrial, Trial
from pydantic import Field

from fedrec.config.validation import ConfigError
from fedrec.interfaces import Positive
from fedrec.sweeps.outcomes import Outcome, Rule, mean, summary
from fedrec.sweeps.search_space import SearchSpace
from fedrec.sweeps.study import Direction, SharedStudy

Values = tuple[float, ...]  # what Optuna is told of a trial, one value for each direction
NO_DEFENSE, AS_GIVEN = "no defense", "as given"  # labels of comparisons


class Runs(Protocol):
    """What an objective may use while it measures a trial."""

    trial: Trial
    references: Mapping[int, float]  # seed -> HR@K on the validation item without a defense
    n_evaluations: int  # of all runs of the trial so far

    def run(self, overrides: Sequence[str], seed: int, name: str, hopeless: Callable[[Outcome], bool] = ...) -> Outcome | None:
        """Run a job and return its outcome; None if `hopeless`, which is asked after every evaluation, ended it."""

    def value(self, overrides: Sequence[str]) -> Any:
        """Run a job with the sweep's own seed, and return what the job returns."""

    def study(self, name: str, n_trials: int) -> SharedStudy:
        """Return a study inside the trial. It maximises one value over the inner space, and a repetition of the trial continues it."""


@dataclass(kw_only=True)
class Objective(ABC):
    """What a sweep tunes for. Its fields are the options of `conf/sweep`."""

    defends: ClassVar[bool] = False  # whether a defense is tuned
    needs_references: ClassVar[bool] = False  # whether HR@K without a defense must be known first

    seeds: Positive  # runs of a trial
    fresh_seeds: Positive  # runs of each comparison at the end
    objective: Rule  # which ER@K of a run counts
    every_round: bool  # whether MLflow gets every round of a trial's runs, too
    space: dict[str, str]  # what is tuned, as far as the chosen attack and defense have these options

    @property
    @abstractmethod
    def directions(self) -> Mapping[str, Direction]:
        """Name of each value -> whether Optuna minimises or maximises it."""

    @property
    def inner_space(self) -> Mapping[str, str]:
        """What is tuned inside a trial, in the form of `space`."""
        return {}

    @property
    def n_runs(self) -> int:
        """Number of runs of a trial that is not pruned."""
        return self.seeds

    def values(self, outcome: Outcome, reference: float) -> Values:
        """Return the values of one run. `reference` is HR@K on the validation item without a defense, for the same seed."""
        return (outcome.exposure_ratio,)

    def measure(self, runs: Runs, overrides: Sequence[str], seeds: Sequence[int]) -> Values | None:
        """Run every seed, and return the mean values; None if the trial was pruned. The pruner is told of every evaluation."""
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

    def conclude(self, runs: Runs, outcomes: Sequence[Outcome], seeds: Sequence[int]) -> Values:
        """Return the mean values over the seeds; keep means and standard errors as user attributes of the trial."""
        measured = [self.values(one, runs.references.get(seed, 0.0)) for one, seed in zip(outcomes, seeds, strict=True)]
        columns = dict(zip(self.directions, zip(*measured, strict=True), strict=True))
        columns |= {"ER": tuple(one.exposure_ratio for one in outcomes), "validation_HR": tuple(one.hit_ratio for one in outcomes)}
        for name, value in summary(columns).items():
            runs.trial.set_user_attr(name, value)
        return tuple(mean(columns[name]) for name in self.directions)

    def comparisons(self, best: Sequence[FrozenTrial], as_given: FrozenTrial | None, space: SearchSpace) -> dict[str, list[str]]:
        """Return label -> overrides of what runs on fresh seeds, as far as it is known yet."""
        baselines: dict[str, list[str]] = {NO_DEFENSE: [], AS_GIVEN: []} if self.defends else {AS_GIVEN: []}
        return baselines | {f"trial {trial.number}": space.overrides(trial.params) for trial in best}


class TuneAttack(Objective):
    """Find the attack with the highest exposure."""

    directions: ClassVar[Mapping[str, Direction]] = {"ER": "maximize"}


@dataclass(kw_only=True)
class TuneDefense(Objective):
    """Minimise one number: ER@K + hr_weight * max(0, HR@K that is lost against no defense, under the attack as given)."""

    defends = True
    needs_references = True
    directions: ClassVar[Mapping[str, Direction]] = {"objective": "minimize"}

    hr_weight: Annotated[float, Field(ge=0)]

    def values(self, outcome: Outcome, reference: float) -> Values:
        """
        >>> objective = TuneDefense(seeds=1, fresh_seeds=1, objective="peak", every_round=False, space={}, hr_weight=2)
        >>> objective.values(Outcome(exposure_ratio=0.25, hit_ratio=0.5, test_hit_ratio=0), reference=0.625)
        (0.5,)
        """
        return (outcome.exposure_ratio + self.hr_weight * max(0.0, reference - outcome.hit_ratio),)


class DefenseFront(Objective):
    """Find all defenses with low exposure and many hits, without saying which matters more."""

    defends = True
    directions: ClassVar[Mapping[str, Direction]] = {"ER": "minimize", "HR": "maximize"}

    def values(self, outcome: Outcome, reference: float) -> Values:
        return outcome.exposure_ratio, outcome.hit_ratio


@dataclass(kw_only=True)
class ReturnedValue(Objective):
    """Tune whatever a single run returns, and compare nothing: the objective without `sweep=`."""

    seeds: Literal[1] = 1
    fresh_seeds: Literal[0] = 0
    objective: Rule = "validation"
    every_round: Literal[True] = True
    returned: tuple[Direction, ...]

    @property
    def directions(self) -> Mapping[str, Direction]:
        return {f"value {number}" if number else "value": direction for number, direction in enumerate(self.returned)}

    def measure(self, runs: Runs, overrides: Sequence[str], seeds: Sequence[int]) -> Values:
        value = runs.value(overrides)
        values = tuple(map(float, value)) if isinstance(value, Sequence) else (float(value),)
        if any(map(math.isnan, values)):
            raise ConfigError("the run returned no number: ER@K is not measured or undefined, K that of evaluation.selection")
        return values
