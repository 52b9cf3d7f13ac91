"""One configuration as an ordinary job of Hydra, with a folder of its own below the sweep's."""

from collections.abc import Callable
from typing import Any

from hydra.core.utils import JobStatus, run_job
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict


def run_single(task: Callable[[DictConfig], Any], config: DictConfig, context: HydraContext, folder: str, number: int) -> Any:
    """What `task` returns for a configuration with its node `hydra`, which is told the folder; raises what it raised."""
    OmegaConf.set_readonly(config.hydra, False)  # an earlier run of the same configuration has made it so
    with open_dict(config):
        config.hydra.sweep.subdir = folder
        config.hydra.job.id, config.hydra.job.num = folder, number
    ended = run_job(task, config, "hydra.sweep.dir", "hydra.sweep.subdir", context, configure_logging=False)
    if ended.status == JobStatus.FAILED:
        raise ended._return_value  # `return_value` would print around it
    return ended.return_value
