"""The runs of one trial: each is an ordinary job of Hydra, with a folder of its own below the sweep's."""

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobStatus, run_job
from hydra.types import HydraContext
from omegaconf import DictConfig, open_dict

from fedrec.sweeps.plans import Outcome
from fedrec.sweeps.search_space import SearchSpace, existing
from fedrec.sweeps.shared_study import SharedStudy
from fedrec.sweeps.stages import Stages
from fedrec.tracking.pruning import Metrics, Pruning

if TYPE_CHECKING:
    from optuna.trial import Trial

SECONDS = "seconds"  # user attribute of a trial: what its runs took


@dataclass
class TrialRuns:
    """What a `Plan` may use (`plans.Runs`)."""

    task: Callable[..., Any]
    context: HydraContext
    config: DictConfig  # of the sweep
    stages: Stages
    trial: "Trial"
    folder: str  # below the sweep's
    references: Mapping[int, float]
    parent_run: str | None  # in MLflow
    _seconds: float = field(default=0.0, init=False)
    _composed: tuple[list[str], DictConfig] | None = field(default=None, init=False)

    def run(
        self, overrides: Sequence[str] | None, seed: int, name: str, hopeless: Callable[[Outcome], bool] = lambda outcome: False
    ) -> Outcome | None:
        """None if `hopeless`, asked after every evaluation, ended it. With `overrides` None it goes without a defense."""
        selection = self.stages.sweep.selection
        watch = Pruning(selection, lambda chosen: hopeless(_outcome(chosen, selection)))
        self._job(self._arguments(overrides), seed, name, watch)
        return None if watch.pruned else _outcome(watch.chosen, selection)

    def value(self, overrides: Sequence[str]) -> Any:
        """What the job returns, of a run with the seed as it is."""
        return self._job(self._arguments(overrides), self.stages.sweep.seed, "")

    def study(self, name: str, n_trials: int, space: SearchSpace) -> SharedStudy:
        """A study inside the trial: maximises one value, with the sampler of the sweep. A repeated trial goes on with that of the first."""
        history: list[int] = self.stages.tuning.trial(self.trial).system_attrs.get("retry_history", [])
        first = min([*history, self.trial.number])
        return self.stages.study(f"{self.stages.sweep.name} trial {first} {name}", n_trials, ["maximize"], space)

    def space(self, params: Mapping[str, str]) -> SearchSpace:
        """Of these parameters those that are options of the sweep's configuration."""
        return SearchSpace.parse(existing(params, self.config), OverridesParser.create(config_loader=self.context.config_loader))

    def _arguments(self, overrides: Sequence[str] | None) -> list[str]:
        arguments = self.stages.sweep.arguments
        return [*undefended(arguments), "defense=none"] if overrides is None else [*arguments, *overrides]

    def _job(self, arguments: list[str], seed: int, name: str, *watch: Pruning) -> Any:
        config = self._compose(arguments)
        with open_dict(config):
            config.seed = seed
            config.hydra.overrides.task.append(f"seed={seed}")
            config.hydra.sweep.subdir = f"{self.folder}/{name}"
            config.hydra.job.id, config.hydra.job.num = f"{self.folder}/{name}", self.trial.number
            if self.parent_run:
                config.tracking.run_name = f"{self.folder} {name}".replace("_", " ")
                config.tracking.tags["mlflow.parentRunId"] = self.parent_run
                config.tracking.every_round &= self.stages.sweep.plan.every_round
        started = time.perf_counter()
        ended = run_job(
            lambda job: self.task(job, *watch), config, "hydra.sweep.dir", "hydra.sweep.subdir", self.context, configure_logging=False
        )
        self._seconds += time.perf_counter() - started
        self.trial.set_user_attr(SECONDS, self._seconds)
        if ended.status == JobStatus.FAILED:
            raise ended._return_value  # `return_value` would print around it
        return ended.return_value

    def _compose(self, arguments: list[str]) -> DictConfig:
        """Once for all seeds: it takes as long as dozens of rounds."""
        if self._composed is None or self._composed[0] != arguments:
            self._composed = arguments, self.context.config_loader.load_sweep_config(self.config, arguments)
        return copy.deepcopy(self._composed[1])


def undefended(arguments: Sequence[str]) -> list[str]:
    """
    Overrides without those of the defense.

    >>> undefended(["attack=a_hum", "defense=ours", "++defense.N=5"])
    ['attack=a_hum']
    """
    keys = [argument.partition("=")[0].lstrip("+~") for argument in arguments]
    return [argument for key, argument in zip(keys, arguments, strict=True) if key.split(".")[0] != "defense"]


def _outcome(metrics: Metrics, selection: str) -> Outcome:
    return Outcome(metrics[f"ER@{selection.split('@')[1]}"], metrics[f"validation_{selection}"], metrics[selection])
