"""The three studies of a sweep: references (no defense, the trials' seeds), the tuning, comparisons (fresh seeds, test item)."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from typing import Any

from omegaconf import DictConfig
from optuna.trial import FrozenTrial, TrialState

from fedrec.config.validation import ConfigError
from fedrec.sweeps.objectives import AS_GIVEN, Objective
from fedrec.sweeps.samplers import make_pruner, make_sampler
from fedrec.sweeps.search_space import SearchSpace
from fedrec.sweeps.study import Direction, SharedStudy, failure
from fedrec.sweeps.study_storage import open_storage

LABEL, SEED, OVERRIDES = "label", "seed", "overrides"  # user attributes of a reference or a comparison
REFERENCE = "reference"  # the label of references
OPTIONS = "options"  # user attribute of the tuning: what it depends on


@dataclass(frozen=True)
class Sweep:
    """What every worker must know."""

    name: str  # of the study
    address: str  # of the storage
    n_trials: int
    objective: Objective
    space: SearchSpace
    inner_space: SearchSpace  # what is tuned inside a trial
    sampler: DictConfig
    pruner: DictConfig | None
    arguments: Sequence[str]  # the user's overrides without those of the search space
    seeds: range  # of the runs of a trial
    fresh_seeds: range  # of the comparisons
    selection: str  # the metric that, on the validation item, chooses the epoch
    exposed_above: float  # the ER@K above which an evaluation counts as exposed
    harm: str = "ER"  # what the attacks are judged by: ER, degradation, or harm if there are both kinds
    host: str = field(default_factory=platform.node)  # that started the sweep


class Stages:
    """The studies of a sweep, and what is still to do in them."""

    def __init__(self, sweep: Sweep) -> None:
        """Open the studies, and make them if there are none. Raises ConfigError if their SQLite file lies on another machine."""
        if sweep.address.startswith("sqlite") and platform.node() != sweep.host:
            # the file would be another one here, or, on a network drive, soon broken
            allowed = "hydra.sweeper.storage=postgresql+psycopg://USER@HOST/DATABASE"
            raise ConfigError(f"{platform.node()} cannot share an SQLite file with {sweep.host}: several machines need {allowed}")
        self.sweep = sweep
        self.storage = open_storage(sweep.address)
        self.tuning = self.study(sweep.name, sweep.n_trials, tuple(sweep.objective.directions.values()), sweep.space)
        names = f"{sweep.name} references", f"{sweep.name} comparisons"
        self.references, self.comparisons = (SharedStudy(self.storage, name, 0, directions=("minimize", "maximize")) for name in names)

    def study(self, name: str, n_trials: int, directions: Sequence[Direction], space: SearchSpace) -> SharedStudy:
        """Open a study that has the sweep's sampler and pruner."""
        sampler = partial(make_sampler, self.sweep.sampler, space)
        return SharedStudy(self.storage, name, n_trials, space, sampler, make_pruner(self.sweep.pruner, len(directions)), directions)

    def prepare(self, options: Mapping[str, Any], as_given: Mapping[str, Any] | None) -> None:
        """Queue the first trial and all runs that are known before it. Raises ConfigError if the study was made with other options."""
        study = self.tuning.study
        with self.tuning.locked():
            known = study.user_attrs.setdefault(OPTIONS, dict(options))
            for name in sorted({*known, *options}):
                if known.get(name) != options.get(name):
                    made = f"the study {self.sweep.name} was made with {name}={known.get(name)}, now it is {options.get(name)}"
                    raise ConfigError(f"{made}: continue with the same options, or choose another hydra.sweeper.study_name")
            study.set_user_attr(OPTIONS, dict(options))
            if as_given is not None and not study.get_trials(deepcopy=False):
                study.enqueue_trial(dict(as_given), user_attrs={AS_GIVEN: True})
        if self.sweep.objective.needs_references:
            self.references.queue([{LABEL: REFERENCE, SEED: seed, OVERRIDES: []} for seed in self.sweep.seeds], again=True)
        self.queue_comparisons(self.best() if self.tuning.is_complete else [], again=True)

    def queue_comparisons(self, best: Sequence[FrozenTrial], again: bool = False) -> list[str]:
        """Queue every comparison with every fresh seed that is not there yet, or with `again` failed. Return their labels."""
        given = next((trial for trial in self.tuning.counted() if AS_GIVEN in trial.user_attrs and trial.values), None)
        wanted = self.sweep.objective.comparisons(best, given, self.sweep.space)
        pairs = product(wanted.items(), self.sweep.fresh_seeds)
        self.comparisons.queue([{LABEL: label, SEED: seed, OVERRIDES: overrides} for (label, overrides), seed in pairs], again)
        return list(wanted)

    def are_complete(self) -> bool:
        """Return whether every run of the sweep is over, those of the comparisons included."""
        if not all(study.is_complete for study in (self.references, self.tuning)):
            return False
        self.queue_comparisons(self.best())
        return self.comparisons.is_complete

    def n_ended(self) -> int:
        """Return the number of trials, references and comparisons that are over."""
        return sum(len(study.counted()) for study in (self.references, self.tuning, self.comparisons))

    def failed(self) -> bool:
        """Return whether a trial, a reference or a comparison has failed."""
        studies = (self.references, self.tuning, self.comparisons)
        return any(trial.state == TrialState.FAIL for study in studies for trial in study.counted())

    def best(self) -> list[FrozenTrial]:
        """Return the best trial, or all trials of the Pareto front by number. Raises ConfigError if no trial was completed."""
        if not any(trial.state == TrialState.COMPLETE for trial in self.tuning.trials()):
            reasons = [failure(trial) for trial in self.tuning.counted() if trial.state == TrialState.FAIL]
            raise ConfigError(f"no trial of the study {self.sweep.name} was completed: {reasons[-1] if reasons else 'all were pruned'}")
        if len(self.sweep.objective.directions) == 1:
            return [self.tuning.study.best_trial]
        return sorted(self.tuning.study.best_trials, key=lambda trial: trial.number)

    def reference_hit_ratios(self) -> dict[int, float]:
        """Return seed -> HR@K on the validation item without a defense. Raises ConfigError if one of these runs failed."""
        trials = self.references.counted()
        known = {trial.user_attrs[SEED]: trial.values[1] for trial in trials if trial.values}
        for trial in trials:
            if trial.user_attrs[SEED] not in known:
                raise ConfigError(f"the run without a defense (seed {trial.user_attrs[SEED]}) failed: {failure(trial)}")
        return known
