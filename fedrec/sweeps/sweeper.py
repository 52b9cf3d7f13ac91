"""A Hydra sweeper on Optuna: the study is stored and resumed, workers pull trials from it, and any launcher runs the workers."""

import logging
import sys
from pathlib import Path
from threading import Thread
from typing import Any

from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from fedrec.config.validation import convert
from fedrec.sweeps.launching import settle_launcher, warm_up, work
from fedrec.sweeps.mlflow_runs import require_store, runs_of
from fedrec.sweeps.naming import STUDY_NAME, relevant_options

log = logging.getLogger(__name__)


class OptunaSweeper(Sweeper):
    """Tunes the parameters that the configuration and the sweep overrides of the command line name."""

    config: DictConfig

    def __init__(self, **settings: Any) -> None:
        """Ignore the settings: `plan_sweep` reads and checks them in the configuration, where errors can name the option."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra knows of the application. Fix the study's name and folder, which the options of a job must not change."""
        self.context, self.task, self.config = hydra_context, task_function, config
        name = convert("hydra.sweeper.study_name", config.hydra.sweeper.study_name, STUDY_NAME)
        folder = str(Path(config.hydra.sweep.dir).absolute())
        with open_dict(config):
            for option, value in (("hydra.sweeper.study_name", name), ("hydra.sweep.dir", folder)):
                quoted = value.replace("'", "\\'")
                OmegaConf.update(config, option, value)
                config.hydra.overrides.hydra.append(f"{option}='{quoted}'")
            settle_launcher(config)

    def sweep(self, arguments: list[str]) -> list[list[float]]:
        """Bring the study to `n_trials` trials, compare and report. Return the values of the best trials. Raises ConfigError."""
        mlflow = runs_of(self.config.tracking, self.config.hydra.sweep.dir)
        from fedrec.sweeps.forecast import announced
        from fedrec.sweeps.planning import as_given, plan_sweep
        from fedrec.sweeps.stages import Stages
        from fedrec.sweeps.sweep_report import Report
        from fedrec.sweeps.worker import Worker
        from fedrec.sweeps.worker_files import remove_worker_files

        sweep = plan_sweep(self.config, self.context, arguments)
        require_store(self.config)
        stages = Stages(sweep)
        warming = Thread(target=warm_up, args=(self.config,), name="fedrec-workers", daemon=True)
        warming.start()
        stages.prepare(relevant_options(self.config), as_given(sweep, self.config))
        print(*announced(stages, self.config.hydra.sweeper.n_jobs), sep="\n", file=sys.stderr, flush=True)
        report = Report(stages, Path(self.config.hydra.sweep.dir), mlflow)
        status = "FAILED"
        try:
            report.setup()
            warming.join()
            worker = Worker(self.task, self.context, self.config, sweep)
            work(worker, self.context, self.config, sweep.arguments, stages.are_complete, stages.n_ended)
            report.write()
            status = "FINISHED"
        except KeyboardInterrupt:
            status = "KILLED"
            log.warning(f"interrupted: the same command continues the study {sweep.name}")
            raise
        finally:
            report.end(status)
        if not stages.failed():
            remove_worker_files(Path(self.config.hydra.sweep.dir), sweep.address)
        return [trial.values for trial in stages.best()]
