"""Starting workers, through any launcher of Hydra, and starting them again until their common work is done."""

import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

from hydra.core.plugins import Plugins
from hydra.types import HydraContext
from omegaconf import DictConfig
from pydantic import Field

from fedrec.config.job_list import ONE_BY_ONE
from fedrec.config.launchers import check_launcher
from fedrec.config.secrets import masked
from fedrec.config.validation import ConfigError, convert
from fedrec.sweeps.hydra_jobs import value_of
from fedrec.sweeps.joblib_launcher import JOBLIB, ends_with_this_process

WORKER_FOLDER = "worker_"  # and a number; it holds the log of a worker
_FRUITLESS = 3  # after so many launches in a row that raised and ended no further run, `work` gives up

log = logging.getLogger(__name__)


def settle_launcher(config: DictConfig) -> None:
    """Choose joblib instead of Hydra's own launcher if `n_jobs` asks for several processes. Raises ConfigError."""
    check_launcher(config)
    n_jobs = convert("hydra.sweeper.n_jobs", config.hydra.sweeper.n_jobs, Annotated[int, Field(ge=1)])
    if config.hydra.launcher["_target_"] == ONE_BY_ONE and n_jobs > 1:
        config.hydra.launcher = {"_target_": JOBLIB, "n_jobs": n_jobs}


def warm_up(config: DictConfig) -> None:
    """Start joblib's processes, which stay alive, and let them import what every run needs while the caller prepares."""
    launcher, n_jobs = config.hydra.launcher, config.hydra.sweeper.n_jobs
    if launcher["_target_"] == JOBLIB and launcher.n_jobs == n_jobs:
        from joblib import Parallel, delayed

        from fedrec.sweeps.worker import import_all

        Parallel(n_jobs, backend="loky", **ends_with_this_process())(delayed(import_all)() for _ in range(n_jobs))


def work(
    worker: Callable[[DictConfig], None],
    context: HydraContext,
    config: DictConfig,
    arguments: Sequence[str],
    is_complete: Callable[[], bool],
    n_ended: Callable[[], int],
) -> None:
    """Launch workers until all is complete. Raises a worker's ConfigError, or its error if several launches in a row ended no run."""
    fruitless = 0
    while not is_complete():
        before = n_ended()
        os.environ["PYTHONPATH"] = os.pathsep.join(folder or str(Path.cwd()) for folder in sys.path)  # for workers that are not forked
        launcher: Any = Plugins.instance().instantiate_launcher(context, worker, config)
        settings = ["hydra.job.chdir=false"]  # of a worker; its runs may change to their folders
        subfolders = [f"hydra.sweep.subdir={WORKER_FOLDER}{number}" for number in range(config.hydra.sweeper.n_jobs)]
        jobs = [[*arguments, subfolder, *settings] for subfolder in subfolders]
        try:
            for job in launcher.launch(jobs, 0):
                value_of(job)
        except ConfigError:
            raise
        except Exception as error:  # a worker that dies may take the others with it, but nothing is lost
            fruitless = 0 if n_ended() > before else fruitless + 1
            if fruitless == _FRUITLESS:
                raise
            reason = " ".join(masked(str(error)).split())[:200]
            log.warning(f"a worker ended early, and its trial is repeated ({type(error).__name__}: {reason})")
