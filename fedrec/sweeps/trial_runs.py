"""The runs of one trial: each is an ordinary job of Hydra, with a folder of its own below the sweep's."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from omegaconf import DictConfig, open_dict
from optuna.trial import Trial

from fedrec.interfaces import Evaluation
from fedrec.sweeps.hydra_jobs import Composer, run_single
from fedrec.sweeps.outcomes import Outcome
from fedrec.sweeps.stages import Stages
from fedrec.sweeps.study import SharedStudy
from fedrec.tracking.pruning import Pruning

SECONDS = "seconds"  # user attribute of a trial: the time of its runs without composing them and without reporting to the study


@dataclass
class TrialRuns:
    """Runs what an objective wants of a trial; `objectives.Runs` says what each method is for."""

    task: Callable[..., Any]
    composer: Composer
    stages: Stages
    trial: Trial
    folder: str  # below the sweep's
    references: Mapping[int, float]
    parent_run: str | None  # in MLflow
    arguments: Sequence[str]
    n_evaluations: int = field(default=0, init=False)
    _run_seconds: float = field(default=0.0, init=False)  # of all runs of the trial
    _asking_seconds: float = field(default=0.0, init=False)  # of the latest run, spent on asking the study whether to prune

    def run(
        self, overrides: Sequence[str], seed: int, name: str, hopeless: Callable[[Outcome], bool] = lambda outcome: False
    ) -> Outcome | None:
        sweep = self.stages.sweep

        def outcome(evaluations: Sequence[Evaluation]) -> Outcome:
            return Outcome.of(evaluations, sweep.selection, sweep.objective.objective, sweep.exposed_above, callback.unattacked)

        def is_hopeless(evaluations: Sequence[Evaluation]) -> bool:
            started = time.perf_counter()
            self.n_evaluations += 1
            found = hopeless(outcome(evaluations))
            self._asking_seconds += time.perf_counter() - started
            return found

        callback = Pruning(is_hopeless)
        self._job(overrides, seed, name, callback)
        return None if callback.pruned else outcome(callback.evaluations)

    def value(self, overrides: Sequence[str]) -> Any:
        return self._job(overrides, self.stages.sweep.seeds.start, "")

    @property
    def harm(self) -> str:
        return self.stages.sweep.harm

    def study(self, name: str, n_trials: int) -> SharedStudy:
        history: list[int] = self.stages.tuning.trial(self.trial).system_attrs.get("retry_history", [])
        first = min([*history, self.trial.number])
        return self.stages.study(f"{self.stages.sweep.name} trial {first} {name}", n_trials, ["maximize"], self.stages.sweep.inner_space)

    def _job(self, overrides: Sequence[str], seed: int, name: str, *callback: Pruning) -> Any:
        config = self.composer.compose(self.arguments, overrides)
        with open_dict(config):
            config.seed = seed
            if self.parent_run:
                config.tracking.run_name = f"{self.folder} {name}".replace("_", " ")
                config.tracking.tags["mlflow.parentRunId"] = self.parent_run
                config.tracking.every_round &= self.stages.sweep.objective.every_round

        def task(job: DictConfig) -> Any:
            started = time.perf_counter()
            try:
                return self.task(job, callback or None)
            finally:
                self._run_seconds += time.perf_counter() - started - self._asking_seconds

        self._asking_seconds = 0.0
        try:
            return run_single(task, config, self.composer.context, f"{self.folder}/{name}", self.trial.number)
        finally:
            self.trial.set_user_attr(SECONDS, self._run_seconds)


def undefended(arguments: Sequence[str]) -> list[str]:
    """Return the overrides with no defense in place of the one that they choose.

    >>> undefended(["attack=a_hum", "defense=ours", "++defense.N=5"])
    ['attack=a_hum', 'defense=none']
    """
    keys = [argument.partition("=")[0].lstrip("+~") for argument in arguments]
    return [*(argument for key, argument in zip(keys, arguments, strict=True) if key.split(".")[0] != "defense"), "defense=none"]
