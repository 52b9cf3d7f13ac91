"""The studies of one sweep: references (no defense, the trials' seeds), the tuning itself, comparisons (fresh seeds, test item)."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from fedrec.config.validation import ConfigError
from fedrec.sweeps.objectives import AS_GIVEN, Direction, Plan
from fedrec.sweeps.samplers import make_pruner, make_sampler
from fedrec.sweeps.search_space import SearchSpace
from fedrec.sweeps.study import SharedStudy, failure
from fedrec.sweeps.study_storage import open_storage

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

LABEL, SEED, OVERRIDES = "label", "seed", "overrides"  # user attributes of a single run
REFERENCE = "reference"  # label
OPTIONS, PARENT = "options", "mlflow_run_id"  # user attributes of the study


@dataclass(frozen=True)
class Sweep:
    """What every worker is told."""

    name: str  # of the study
    address: str  # of the storage
    n_trials: int
    plan: Plan
    space: SearchSpace
    inner_space: SearchSpace  # of what is tuned inside a trial
    sampler: DictConfig
    pruner: DictConfig | None
    arguments: Sequence[str]  # the user's overrides, those of the search space left out
    seed: int  # of the first run of a trial; the others follow
    selection: str  # metric of the validation item that chooses the epoch
    host: str  # where the sweep was started
    process: int  # that started it

    @property
    def seeds(self) -> range:
        return range(self.seed, self.seed + self.plan.seeds)

    @property
    def fresh_seeds(self) -> range:
        """Seeds that no trial has seen."""
        return range(self.seeds.stop, self.seeds.stop + self.plan.fresh_seeds)


class Stages:
    """Opens the studies, and makes them if there are none.

    Raises ConfigError for an SQLite file on another machine: there it would be another study, or, on a network drive, soon broken.
    """

    def __init__(self, sweep: Sweep) -> None:
        if sweep.address.startswith("sqlite") and platform.node() != sweep.host:
            allowed = "hydra.sweeper.storage=postgresql+psycopg://USER@HOST/DATABASE"
            raise ConfigError(f"{platform.node()} cannot share an SQLite file with {sweep.host}: several machines need {allowed}")
        self.sweep = sweep
        self.storage = open_storage(sweep.address)
        self.tuning = self.study(sweep.name, sweep.n_trials, sweep.plan.directions, sweep.space)
        both: tuple[Direction, ...] = ("minimize", "maximize")
        self.references, self.comparisons = (
            SharedStudy(self.storage, sweep.address, f"{sweep.name} {name}", 0, directions=both) for name in ("references", "comparisons")
        )

    def study(self, name: str, n_trials: int, directions: Sequence[Direction], space: SearchSpace) -> SharedStudy:
        """With the sweep's sampler and pruner."""
        node = self.sweep.sampler
        pruner = make_pruner(self.sweep.pruner) if len(directions) == 1 else None
        sampler = partial(make_sampler, node, space)
        return SharedStudy(self.storage, self.sweep.address, name, n_trials, sampler, pruner, directions)

    def prepare(self, options: Mapping[str, Any], as_given: Mapping[str, Any] | None) -> None:
        """Queue what is known before the first trial, the configuration as given among the trials.

        Raises ConfigError if the study was made with other options.
        """
        study = self.tuning.study
        with self.tuning.locked():
            known = study.user_attrs.setdefault(OPTIONS, dict(options))
            if changed := sorted(name for name in {*known, *options} if known.get(name) != options.get(name)):
                name = changed[0]
                raise ConfigError(
                    f"the study {self.sweep.name} was made with {name}={known.get(name)}, now it is {options.get(name)}: "
                    "continue with the same options, or choose another hydra.sweeper.study_name"
                )
            study.set_user_attr(OPTIONS, dict(options))
            if as_given is not None and not study.get_trials(deepcopy=False):
                study.enqueue_trial(dict(as_given), user_attrs={AS_GIVEN: True})
        if self.sweep.plan.needs_references:
            self.references.queue([{LABEL: REFERENCE, SEED: seed, OVERRIDES: []} for seed in self.sweep.seeds], again=True)
        self.queue_comparisons(self.best() if self.tuning.is_complete else [], again=True)

    def queue_comparisons(self, best: "Sequence[FrozenTrial]", again: bool = False) -> list[str]:
        """The labels of what is compared; each is run with every fresh seed, once; `again`: what has failed, too."""
        given = next((trial for trial in self.tuning.counted() if AS_GIVEN in trial.user_attrs and trial.values), None)
        wanted = self.sweep.plan.comparisons(best, given, self.sweep.space)
        seeds = self.sweep.fresh_seeds
        runs = [{LABEL: label, SEED: seed, OVERRIDES: overrides} for label, overrides in wanted.items() for seed in seeds]
        self.comparisons.queue(runs, again)
        return list(wanted)

    def are_complete(self) -> bool:
        """Whether every run of the sweep is over, those of the comparisons included."""
        if not all(study.is_complete for study in (self.references, self.tuning)):
            return False
        self.queue_comparisons(self.best())
        return self.comparisons.is_complete

    def n_ended(self) -> int:
        """Trials and single runs that are over."""
        return sum(len(study.counted()) for study in (self.references, self.tuning, self.comparisons))

    def best(self) -> "list[FrozenTrial]":
        """The best trial, or the whole Pareto front; by number. Raises ConfigError if no trial was completed."""
        from optuna.trial import TrialState

        if not any(trial.state == TrialState.COMPLETE for trial in self.tuning.trials()):
            reasons = [failure(trial) for trial in self.tuning.counted() if trial.state == TrialState.FAIL]
            raise ConfigError(f"no trial of the study {self.sweep.name} was completed: {reasons[-1] if reasons else 'all were pruned'}")
        if len(self.sweep.plan.directions) == 1:
            return [self.tuning.study.best_trial]
        return sorted(self.tuning.study.best_trials, key=lambda trial: trial.number)

    def reference_hit_ratios(self) -> dict[int, float]:
        """Seed -> HR@K on the validation item without a defense. Raises ConfigError if a run failed."""
        trials = self.references.counted()
        known = {trial.user_attrs[SEED]: trial.values[1] for trial in trials if trial.values}
        for trial in trials:
            if trial.user_attrs[SEED] not in known:
                raise ConfigError(f"the run without a defense (seed {trial.user_attrs[SEED]}) failed: {failure(trial)}")
        return known
