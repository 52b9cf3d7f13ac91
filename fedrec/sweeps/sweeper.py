"""A Hydra sweeper on Optuna: the study persists and resumes, workers pull trials from it, and any launcher runs the workers.

Its configuration (conf/hydra/sweeper/fedrec_optuna.yaml) has the keys of hydra-optuna-sweeper, and some more.
"""

import logging
from pathlib import Path
from threading import Thread
from typing import Any

from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from fedrec.sweeps import naming
from fedrec.sweeps.launching import settle_launcher, warm_up, work
from fedrec.sweeps.mlflow_runs import runs_of

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
            settle_launcher(config)

    def sweep(self, arguments: list[str]) -> Any:
        """Bring the study to its `n_trials` trials, then compare and report; returns the values of the best trials.

        Raises ConfigError, before anything runs, if an option is wrong.
        """
        mlflow = runs_of(self.config.tracking)
        from fedrec.sweeps.planning import as_given, plan_sweep
        from fedrec.sweeps.stages import Stages
        from fedrec.sweeps.sweep_report import Report
        from fedrec.sweeps.worker import Worker

        sweep = plan_sweep(self.config, self.context, arguments)
        warming = Thread(target=warm_up, args=(self.config,), name="fedrec-workers", daemon=True)
        warming.start()
        stages = Stages(sweep)
        stages.prepare(naming.relevant_options(self.config), as_given(sweep, self.config))
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
        return [trial.values for trial in stages.best()]


def _quoted(text: str) -> str:
    escaped = text.replace("'", "\\'")
    return f"'{escaped}'"
