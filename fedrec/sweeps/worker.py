"""What a launcher runs, in as many processes as there are workers: each takes trials from the shared studies until none is left."""

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hydra.types import HydraContext
from omegaconf import DictConfig

from fedrec.config.validation import ConfigError
from fedrec.sweeps.composer import Composer
from fedrec.sweeps.devices import use_own_device
from fedrec.sweeps.mlflow_runs import runs_of
from fedrec.sweeps.objectives import NO_DEFENSE
from fedrec.sweeps.stages import LABEL, OVERRIDES, PARENT, REFERENCE, SEED, Stages, Sweep
from fedrec.sweeps.study import SharedStudy, failure
from fedrec.sweeps.trial_runs import SECONDS, TrialRuns, undefended

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial, Trial

_PAUSE = 0.5  # seconds between two looks at what others do
_ENDINGS = {"COMPLETE": "FINISHED", "PRUNED": "KILLED", "FAIL": "FAILED"}  # MLflow knows no other; the tag `state` has Optuna's word
HOPELESS = 3  # failed trials, when no other has ended yet: then the sweep ends

log = logging.getLogger(__name__)


def import_all() -> None:
    """What every trial needs; takes seconds."""
    import optuna  # noqa: F401

    import fedrec.experiment  # noqa: F401


@dataclass
class Worker:
    """Called by a launcher with the configuration of its job, in a process of its own or not."""

    task: Callable[..., Any]  # what runs one configuration
    context: HydraContext
    config: DictConfig  # of the sweep, as `Sweeper.setup` got it
    sweep: Sweep

    def __call__(self, config: DictConfig) -> None:
        """Raises ConfigError if no trial can succeed."""
        self.mlflow = runs_of(config.tracking)
        import_all()
        use_own_device(config.get("device", "cpu"))
        self.stages = Stages(self.sweep)
        self.composer = Composer(self.context, self.config)
        self.parent: str | None = self.stages.tuning.study.user_attrs[PARENT] if self.mlflow else None
        self.is_child = os.getppid() == self.sweep.process
        self.references: Mapping[int, float] = {}
        self._drain(self.stages.references, self.stages.comparisons)
        self.references = self.stages.reference_hit_ratios()
        self._drain(self.stages.tuning, self.stages.comparisons)
        self.stages.queue_comparisons(self.stages.best())
        self._drain(self.stages.comparisons)

    def _drain(self, study: SharedStudy, *meanwhile: SharedStudy) -> None:
        """Run what there is until the study is complete; of `meanwhile` only while others run its last trials."""
        while not self.is_child or os.getppid() == self.sweep.process:  # who started it may be killed
            for one in (study, *meanwhile):
                suggest = self.sweep.space.suggest if one is self.stages.tuning else lambda trial: None
                if (trial := one.claim(suggest)) is not None:
                    self._run(one, trial)
                    break
                if study.is_complete:
                    return
            else:
                time.sleep(_PAUSE)  # others may die

    def _run(self, study: SharedStudy, trial: "Trial") -> None:
        """A trial that fails is told so, and the sweep goes on."""
        try:
            with study.running(trial):
                values = self._tune(study, trial) if study is self.stages.tuning else self._single(trial)
                study.tell(trial, values, pruned=values is None)
        except Exception as error:
            log.error(f"trial {trial.number} failed: {error}", exc_info=not isinstance(error, ConfigError))
        finally:
            ended = study.trial(trial)
            self._end_mlflow_run(ended)
        log.info(f"{self._title(study, ended)}: {_result(ended)}")
        counted = self.stages.tuning.counted()
        if len(counted) >= HOPELESS and all(one.state.name == "FAIL" for one in counted):
            raise ConfigError(f"the first {len(counted)} trials failed, the last one with: {failure(counted[-1])}")

    def _tune(self, study: SharedStudy, trial: "Trial") -> tuple[float, ...] | None:
        sweep = self.sweep
        overrides = sweep.space.overrides(trial.params)
        run_id = self._start_mlflow_run(trial)
        runs = TrialRuns(self.task, self.composer, self.stages, trial, f"trial_{trial.number:04d}", self.references, run_id)
        return sweep.plan.measure(runs, overrides, sweep.seeds)

    def _single(self, trial: "Trial") -> tuple[float, float]:
        """ER@K and HR@K: of the validation item for a reference, of the test item for a comparison."""
        label, seed, overrides = (trial.user_attrs[name] for name in (LABEL, SEED, OVERRIDES))
        folder = label.replace(" ", "_")
        arguments = undefended(self.sweep.arguments) if label in (REFERENCE, NO_DEFENSE) else None
        runs = TrialRuns(self.task, self.composer, self.stages, trial, folder, {}, self.parent, arguments)
        outcome = runs.run(overrides, seed, f"seed_{seed}")
        assert outcome is not None  # nobody prunes it
        return outcome.exposure_ratio, outcome.hit_ratio if label == REFERENCE else outcome.test_hit_ratio

    def _start_mlflow_run(self, trial: "Trial") -> str | None:
        if self.mlflow is None:
            return None
        run_id = None
        with _tolerated():
            family = {"mlflow.parentRunId": str(self.parent), "trial": str(trial.number)}
            run_id = self.mlflow.setup(f"trial {trial.number}", family, trial.user_attrs.get(PARENT))  # a repetition goes on with the run
            trial.set_user_attr(PARENT, run_id)
        return run_id

    def _end_mlflow_run(self, trial: "FrozenTrial") -> None:
        if self.mlflow is None or PARENT not in trial.user_attrs:
            return
        metrics = {name: value for name, value in trial.user_attrs.items() if isinstance(value, float)}
        with _tolerated():
            self.mlflow.end(trial.user_attrs[PARENT], _ENDINGS[trial.state.name], {"state": trial.state.name}, trial.params, metrics)

    def _title(self, study: SharedStudy, trial: "FrozenTrial") -> str:
        if study is not self.stages.tuning:
            return f"{trial.user_attrs[LABEL]}, seed {trial.user_attrs[SEED]}"
        return f"trial {trial.number} ({len(study.counted())} of {self.sweep.n_trials}) {self.sweep.space.shown(trial.params)}"


def _result(trial: "FrozenTrial") -> str:
    from optuna.trial import TrialState

    if trial.state != TrialState.COMPLETE:
        return f"fail {failure(trial)}" if trial.state == TrialState.FAIL else f"pruned after {len(trial.intermediate_values)} reports"
    names = [name for name, value in trial.user_attrs.items() if isinstance(value, float) and not name.endswith("_stderr")]
    values = [f"{value:.4f}" for value in trial.values if names == [SECONDS]]
    return ", ".join(
        [*values, *(f"{name} {trial.user_attrs[name]:.4f}" for name in names if name != SECONDS), f"{trial.user_attrs[SECONDS]:.1f} s"]
    )


@contextmanager
def _tolerated() -> Iterator[None]:
    """Trouble with MLflow never stops a sweep: the study has everything."""
    try:
        yield
    except Exception as error:
        log.warning(f"MLflow did not take a trial: {' '.join(str(error).split())[:200]}")
