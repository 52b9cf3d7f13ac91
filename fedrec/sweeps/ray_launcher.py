"""Jobs of Hydra as tasks of Ray. hydra-ray-launcher needs a cloudpickle that does not work with joblib, which MLflow brings."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, configure_log, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict
from pydantic import Field

from fedrec.config.validation import ConfigError, convert

_RESOURCE = Annotated[float, Field(ge=0)]
OPTIONS: Mapping[str, Mapping[str, Any]] = {  # Ray checks them only once a cluster runs, and does not name them
    "init": {"address": str | None, "log_to_driver": bool},
    "remote": {"num_cpus": _RESOURCE, "num_gpus": _RESOURCE, "max_retries": Annotated[int, Field(ge=0)]},
}
_SHARED = ("FEDREC_", "MLFLOW_", "PG")  # beginnings of the variables of this process' environment that jobs see, wherever they run


class RayTasks(Launcher):
    """Runs all jobs at once, as far as the cluster has room."""

    config: DictConfig

    def __init__(self, init: DictConfig, remote: DictConfig) -> None:
        """`init` are the arguments of ray.init, `remote` those of ray.remote for every job."""
        self.init: Any = OmegaConf.to_container(init, resolve=True)
        self.remote: Any = OmegaConf.to_container(remote, resolve=True)

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra knows of the application. Raises ConfigError if an option of Ray is of the wrong type or out of range."""
        for group, allowed in OPTIONS.items():
            node = config.hydra.launcher[group]
            for name in allowed.keys() & set(node):
                convert(f"hydra.launcher.{group}.{name}", node[name], allowed[name])
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run the jobs, and wait for all of them. Raises ConfigError if Ray is not installed."""
        try:
            import ray
            from ray import cloudpickle
        except ImportError:
            raise ConfigError("hydra/launcher=ray: Ray is not installed; pip install 'fedrec[ray]'") from None
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        Path(self.config.hydra.sweep.dir).mkdir(parents=True, exist_ok=True)
        if not ray.is_initialized():  # without `local` Ray would join the cluster that was started last here, though it may be gone
            ray.init(**{**self.init, "address": self.init.get("address") or os.environ.get("RAY_ADDRESS") or "local"})
        run = ray.remote(**self.remote)(run_pickled) if self.remote else ray.remote(run_pickled)
        shared = ray.put(cloudpickle.dumps((self.hydra_context, self.config, self.task_function, Singleton.get_state())))
        environment = {name: value for name, value in os.environ.items() if name.startswith(_SHARED)}
        numbered = enumerate(job_overrides, initial_job_idx)
        jobs = [run.remote(shared, list(overrides), number, str(Path.cwd()), environment) for number, overrides in numbered]
        return [cloudpickle.loads(job) for job in ray.get(jobs)]


def run_pickled(shared: bytes, overrides: list[str], number: int, folder: str, environment: Mapping[str, str]) -> bytes:
    """Run one job in a process of Ray."""
    from ray import cloudpickle

    from fedrec.config.compose import register

    register()
    os.environ.update(environment)
    if Path(folder).is_dir():
        os.chdir(folder)
    context, config, task, state = cloudpickle.loads(shared)
    setup_globals()
    Singleton.set_state(state)
    job = context.config_loader.load_sweep_config(config, overrides)
    with open_dict(job):
        job.hydra.job.id, job.hydra.job.num = f"{job.hydra.job.name}_{number}", number
    dumped: bytes = cloudpickle.dumps(run_job(task, job, "hydra.sweep.dir", "hydra.sweep.subdir", context))
    return dumped
