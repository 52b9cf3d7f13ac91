"""What a sweep tunes for, how a trial is measured, and what its best trial is compared with at the end.

Every run is judged as `objective` says, by default at the epoch with the best HR@K on the validation item. What an attack does is its
harm: ER@K, or of an attack without target items the degradation ratio of HR@K, the share that is lost against the same run without the
attack. Trials see ER@K and the validation item only. The comparisons at the end use seeds that no trial has seen, and report the test item.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Protocol

from optuna.trial import FrozenTrial, Trial
from pydantic import Field

from fedrec.config.validation import ConfigError
from fedrec.evaluation.degradation import as_harm
from fedrec.interfaces import Positive
from fedrec.sweeps.outcomes import Outcome, Rule, mean, summary
from fedrec.sweeps.search_space import SearchSpace
from fedrec.sweeps.study import Direction, SharedStudy

Values = tuple[float, ...]  # what Optuna is told of a trial, one value for each direction
NO_DEFENSE, AS_GIVEN = "no defense", "as given"  # labels of comparisons
HARM = "ER"  # stands in `directions` for what `Runs.harm` names


class Runs(Protocol):
    """What an objective may use while it measures a trial."""

    trial: Trial
    references: Mapping[int, float]  # seed -> HR@K on the validation item without a defense
    n_evaluations: int  # of all runs of the trial so far

    @property
    def harm(self) -> str:
        """What the attacks of the sweep are judged by: ER, degradation, or harm if there are both kinds."""

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
    objective: Rule  # which evaluations of a run count
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
        return (outcome.harm,)

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
        columns = dict(zip(names := self.named(runs.harm), zip(*measured, strict=True), strict=True))
        columns |= {runs.harm: tuple(one.harm for one in outcomes), "validation_HR": tuple(one.hit_ratio for one in outcomes)}
        for name, value in summary(columns).items():
            runs.trial.set_user_attr(name, value)
        return tuple(mean(columns[name]) for name in names)

    def named(self, harm: str) -> list[str]:
        """Return the names of the values, `harm` for what an attack does."""
        return [harm if name == HARM else name for name in self.directions]

    def comparisons(self, best: Sequence[FrozenTrial], as_given: FrozenTrial | None, space: SearchSpace) -> dict[str, list[str]]:
        """Return label -> overrides of what runs on fresh seeds, as far as it is known yet."""
        baselines: dict[str, list[str]] = {NO_DEFENSE: [], AS_GIVEN: []} if self.defends else {AS_GIVEN: []}
        return baselines | {f"trial {trial.number}": space.overrides(trial.params) for trial in best}


class TuneAttack(Objective):
    """Find the attack that does the most harm."""

    directions: ClassVar[Mapping[str, Direction]] = {HARM: "maximize"}


@dataclass(kw_only=True)
class TuneDefense(Objective):
    """Minimise one number: harm + hr_weight * max(0, HR@K that is lost against no defense, under the attack as given).

    An attack without target items lowers HR@K itself, so the loss is that without the attack then: the price of the defense. A ratio
    below 0 counts as 0, because nothing speaks for a defense under which an attack helps.
    """

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
        return (as_harm(outcome.harm) + self.hr_weight * max(0.0, reference - outcome.price),)


class DefenseFront(Objective):
    """Find all defenses with little harm and many hits, without saying which matters more. Harm and hits count as in `TuneDefense`."""

    defends = True
    directions: ClassVar[Mapping[str, Direction]] = {HARM: "minimize", "HR": "maximize"}

    def values(self, outcome: Outcome, reference: float) -> Values:
        return as_harm(outcome.harm), outcome.price


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
