"""Jobs of Hydra as tasks of Ray, on this machine or a cluster.

hydra-ray-launcher would do, but asks for a cloudpickle that joblib, which MLflow brings, cannot live with.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, configure_log, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from fedrec.config.validation import ConfigError


class RayTasks(Launcher):
    """`init` are the arguments of ray.init, `remote` those of ray.remote for every job.

    Without an address Ray joins the cluster that was started last on this machine, though it may be gone; here it starts one.
    """

    config: DictConfig

    def __init__(self, init: DictConfig, remote: DictConfig) -> None:
        self.init: Any = OmegaConf.to_container(init, resolve=True)
        self.remote: Any = OmegaConf.to_container(remote, resolve=True)

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """What Hydra tells of the application."""
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """All jobs at once, as far as the cluster has room. Raises ConfigError if Ray is not installed."""
        try:
            import ray
            from ray import cloudpickle
        except ImportError:
            raise ConfigError("hydra/launcher=ray: Ray is not installed; pip install 'fedrec[ray]'") from None
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        Path(self.config.hydra.sweep.dir).mkdir(parents=True, exist_ok=True)
        if not ray.is_initialized():
            ray.init(**{**self.init, "address": self.init.get("address") or os.environ.get("RAY_ADDRESS") or "local"})
        run = ray.remote(**self.remote)(run_pickled) if self.remote else ray.remote(run_pickled)
        shared = ray.put(cloudpickle.dumps((self.hydra_context, self.config, self.task_function, Singleton.get_state())))
        jobs = [
            run.remote(shared, list(overrides), number, str(Path.cwd()), _environment())
            for number, overrides in enumerate(job_overrides, initial_job_idx)
        ]
        return [cloudpickle.loads(job) for job in ray.get(jobs)]


def run_pickled(shared: bytes, overrides: list[str], number: int, folder: str, environment: Mapping[str, str]) -> bytes:
    """One job, in a process of Ray."""
    from ray import cloudpickle

    import fedrec.config.compose  # noqa: F401 makes fedrec's plugins known there

    os.environ.update(environment)
    if Path(folder).is_dir():
        os.chdir(folder)
    context, config, task, state = cloudpickle.loads(shared)
    setup_globals()
    Singleton.set_state(state)
    job = context.config_loader.load_sweep_config(config, overrides)
    with open_dict(job):
        job.hydra.job.id, job.hydra.job.num = f"{job.hydra.job.name}_{number}", number
    ended = run_job(task, job, "hydra.sweep.dir", "hydra.sweep.subdir", context)
    dumped: bytes = cloudpickle.dumps(ended)
    return dumped


def _environment() -> dict[str, str]:
    """What jobs should see of this process' environment, wherever they run."""
    return {name: value for name, value in os.environ.items() if name.startswith(("FEDREC_", "MLFLOW_", "PG"))}
