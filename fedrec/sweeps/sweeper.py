"""A Hydra sweeper on Optuna: the study persists and resumes, workers pull trials from it, and any launcher runs the workers.

Its configuration (conf/hydra/sweeper/fedrec_optuna.yaml) has the keys of hydra-optuna-sweeper, and some more.
"""

import logging
import os
import sys
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Annotated, Any

from hydra.core.plugins import Plugins
from hydra.core.utils import JobStatus
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict
from pydantic import Field

from fedrec.options import ConfigError, convert
from fedrec.sweeps import naming
from fedrec.sweeps.mlflow_runs import runs_of

if TYPE_CHECKING:
    from fedrec.sweeps.stages import Stages, Sweep

BASIC = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"
JOBLIB = "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher"
_FRUITLESS = 3  # launches in a row that ended early without a single trial more: then the sweep gives up

log = logging.getLogger(__name__)


class OptunaSweeper(Sweeper):
    """Tunes what the configuration and the sweep overrides of the command line name."""

    config: DictConfig

    def __init__(self, **settings: Any) -> None:
        """`plan_sweep` reads and checks the settings where they stand, in the configuration."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """What Hydra tells of the application."""
        self.context, self.task, self.config = hydra_context, task_function, config
        settled = {
            "hydra.sweeper.study_name": config.hydra.sweeper.study_name,
            "hydra.sweep.dir": str(Path(config.hydra.sweep.dir).absolute()),
        }
        with open_dict(config):
            for name, value in settled.items():  # of the sweep, not of every job's own options
                OmegaConf.update(config, name, value)
                config.hydra.overrides.hydra.append(f"{name}={_quoted(value)}")
            n_jobs = convert("hydra.sweeper.n_jobs", config.hydra.sweeper.n_jobs, Annotated[int, Field(ge=1)])
            if config.hydra.launcher["_target_"] == BASIC and n_jobs > 1:
                config.hydra.launcher = {"_target_": JOBLIB, "n_jobs": n_jobs}

    def sweep(self, arguments: list[str]) -> Any:
        """Bring the study to its `n_trials` trials, then compare and report; returns the values of the best trials.

        Raises ConfigError, before anything runs, if an option is wrong.
        """
        mlflow = runs_of(self.config.tracking)
        from fedrec.sweeps.planning import as_given, plan_sweep
        from fedrec.sweeps.report import Report
        from fedrec.sweeps.stages import Stages

        sweep = plan_sweep(self.config, self.context, arguments)
        warm_up = Thread(target=self._warm_up, name="fedrec-workers", daemon=True)
        warm_up.start()
        stages = Stages(sweep)
        stages.prepare(naming.relevant_options(self.config), as_given(sweep, self.config))
        report = Report(stages, Path(self.config.hydra.sweep.dir), mlflow)
        status = "FAILED"
        try:
            report.begin()
            warm_up.join()
            self._work(sweep, stages)
            report.write()
            status = "FINISHED"
        except KeyboardInterrupt:
            status = "KILLED"
            log.warning(f"interrupted: the same command continues the study {sweep.name}")
            raise
        finally:
            report.end(status)
        return [trial.values for trial in stages.best()]

    def _warm_up(self) -> None:
        """Joblib keeps its processes: meanwhile they may import what every trial needs."""
        launcher, n_jobs = self.config.hydra.launcher, self.config.hydra.sweeper.n_jobs
        if launcher["_target_"] == JOBLIB and launcher.n_jobs == n_jobs:
            from joblib import Parallel, delayed

            from fedrec.sweeps.worker import import_all

            Parallel(n_jobs, backend="loky")(delayed(import_all)() for _ in range(n_jobs))

    def _work(self, sweep: "Sweep", stages: "Stages") -> None:
        """Launch workers until all is done: one that dies may take the others with it, but no trial is lost."""
        from fedrec.sweeps.worker import Worker

        worker = Worker(self.task, self.context, self.config, sweep)
        fruitless = 0
        while not stages.are_complete():
            before = stages.n_ended()
            try:
                for job in self._launch(worker, sweep.arguments):
                    if job.status == JobStatus.FAILED:
                        raise job._return_value  # `return_value` would print around it
            except ConfigError:
                raise
            except Exception as error:
                fruitless = 0 if stages.n_ended() > before else fruitless + 1
                if fruitless == _FRUITLESS:
                    raise
                reason = " ".join(str(error).split())[:200]
                log.warning(f"a worker ended early, what it was at is repeated ({type(error).__name__}: {reason})")

    def _launch(self, worker: Any, arguments: Any) -> Any:
        os.environ["PYTHONPATH"] = os.pathsep.join(folder or str(Path.cwd()) for folder in sys.path)  # for workers that are not forked
        launcher = Plugins.instance().instantiate_launcher(self.context, worker, self.config)
        n_jobs = self.config.hydra.sweeper.n_jobs
        return launcher.launch([[*arguments, f"hydra.sweep.subdir=worker_{number}"] for number in range(n_jobs)], 0)


def _quoted(text: str) -> str:
    escaped = text.replace("'", "\\'")
    return f"'{escaped}'"
