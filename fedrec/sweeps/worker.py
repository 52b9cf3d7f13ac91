"""What a launcher runs, in as many processes as there are workers: each takes trials from the shared studies until none is left."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hydra.types import HydraContext
from omegaconf import DictConfig
from optuna.trial import FrozenTrial, Trial, TrialState

from fedrec.config.validation import ConfigError
from fedrec.sweeps.devices import use_own_device
from fedrec.sweeps.forecast import time_left
from fedrec.sweeps.hydra_jobs import Composer
from fedrec.sweeps.mlflow_runs import RUN_ID, MlflowRuns, runs_of, trial_folder
from fedrec.sweeps.objectives import NO_DEFENSE, Values
from fedrec.sweeps.search_space import in_one_line
from fedrec.sweeps.stages import LABEL, OVERRIDES, REFERENCE, SEED, Stages, Sweep
from fedrec.sweeps.study import SharedStudy, failure
from fedrec.sweeps.trial_runs import SECONDS, TrialRuns, undefended

_PAUSE = 0.5  # seconds between two looks at what others do
HOPELESS = 3  # so many failed trials end the sweep if no other trial is over yet

log = logging.getLogger(__name__)


def import_all() -> None:
    """Import what every run needs, which takes seconds, and let it read configurations."""
    import fedrec.conduct  # noqa: F401
    from fedrec.config.compose import register

    register()


@dataclass
class Worker:
    """Runs the trials of a sweep. A launcher calls it with the configuration of its job, in a process of its own or not."""

    task: Callable[..., Any]  # runs one configuration
    context: HydraContext
    config: DictConfig  # of the sweep, as `Sweeper.setup` got it
    sweep: Sweep
    mlflow: MlflowRuns | None = field(init=False)  # this and the following are set in the worker's process
    stages: Stages = field(init=False)
    composer: Composer = field(init=False)
    parent: str | None = field(init=False)  # the sweep's run in MLflow
    references: Mapping[int, float] = field(init=False)

    def __call__(self, config: DictConfig) -> None:
        """Run trials until the sweep is complete. Raises ConfigError if no trial can succeed."""
        self.mlflow = runs_of(config.tracking, self.config.hydra.sweep.dir)
        import_all()
        use_own_device(config.get("device", "cpu"))
        self.stages = stages = Stages(self.sweep)
        self.composer = Composer(self.context, self.config)
        self.parent = stages.tuning.study.user_attrs[RUN_ID] if self.mlflow else None
        self.references = {}
        self._drain(stages.references, stages.comparisons)
        self.references = stages.reference_hit_ratios()
        self._drain(stages.tuning, stages.comparisons)
        stages.queue_comparisons(stages.best())
        self._drain(stages.comparisons)

    def _drain(self, study: SharedStudy, *meanwhile: SharedStudy) -> None:
        """Run the trials of a study until it is complete. While other workers run its last trials, run those of `meanwhile`."""
        while True:
            for one in (study, *meanwhile):
                if (trial := one.claim()) is not None:
                    self._run(one, trial)
                    break
                if study.is_complete:
                    return
            else:
                time.sleep(_PAUSE)  # another worker may die and leave its trial

    def _run(self, study: SharedStudy, trial: Trial) -> None:
        """Run a trial. If it fails, the study learns why, and the sweep goes on."""
        try:
            with study.running(trial):
                values = self._tune(trial) if study is self.stages.tuning else self._single(trial)
                study.tell(trial, values, pruned=values is None)
        except Exception as error:
            log.error(f"trial {trial.number} failed: {error}", exc_info=not isinstance(error, ConfigError))
        finally:
            ended = study.trial(trial)
            if self.mlflow:
                self.mlflow.end_trial(ended)
        left = time_left(self.stages, self.config.hydra.sweeper.n_jobs)
        log.info(f"{self._news(study, ended)}{f' (about {left} left)' if left else ''}")
        counted = self.stages.tuning.counted()
        if len(counted) >= HOPELESS and all(one.state == TrialState.FAIL for one in counted):
            raise ConfigError(f"the first {len(counted)} trials failed, the last one with: {failure(counted[-1])}")

    def _tune(self, trial: Trial) -> Values | None:
        overrides = self.sweep.space.overrides(trial.params)
        repeats: list[int] = self.stages.tuning.trial(trial).system_attrs.get("retry_history", [])
        # If MLflow does not take the trial's run now, the runs of the trial lie below that of the sweep.
        parent = self.mlflow.start_trial(trial, str(self.parent), repeats) or self.parent if self.mlflow else None
        folder, arguments = trial_folder(trial.number), self.sweep.arguments
        runs = TrialRuns(self.task, self.composer, self.stages, trial, folder, self.references, parent, arguments)
        return self.sweep.objective.measure(runs, overrides, self.sweep.seeds)

    def _single(self, trial: Trial) -> Values:
        """Return the harm and HR@K, both on the test item for a comparison. HR@K of a reference is what a defense is charged with."""
        label, seed, overrides = (trial.user_attrs[name] for name in (LABEL, SEED, OVERRIDES))
        arguments = undefended(self.sweep.arguments) if label in (REFERENCE, NO_DEFENSE) else self.sweep.arguments
        runs = TrialRuns(self.task, self.composer, self.stages, trial, label.replace(" ", "_"), {}, self.parent, arguments)
        outcome = runs.run(overrides, seed, f"seed_{seed}")
        assert outcome is not None  # nobody prunes it
        return outcome.test_harm, outcome.price if label == REFERENCE else outcome.test_hit_ratio

    def _news(self, study: SharedStudy, trial: FrozenTrial) -> str:
        told = trial.user_attrs
        title = f"trial {trial.number} ({len(study.counted())} of {self.sweep.n_trials}) {in_one_line(trial.params)}"
        if study is not self.stages.tuning:
            title = f"{told[LABEL]}, seed {told[SEED]}"
        if trial.state == TrialState.FAIL:
            return f"{title}: failed: {failure(trial)}"
        if trial.state == TrialState.PRUNED:
            return f"{title}: pruned at report {len(trial.intermediate_values)}"
        means = [name for name, value in told.items() if isinstance(value, float) and not name.endswith("_stderr") and name != SECONDS]
        names = [""] * len(trial.values) if study is self.stages.tuning else [f"{self.sweep.harm} ", "HR "]
        shown = [f"{name}{value:.4f}" for name, value in zip(names, trial.values, strict=True)]
        values = [f"{name} {told[name]:.4f}" for name in means] or shown
        return f"{title}: {', '.join(values)}, {told[SECONDS]:.1f} s"
