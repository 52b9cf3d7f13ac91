"""Jobs of Hydra in processes of this machine, by joblib. They end with the process that started them."""

import os
import warnings
from collections.abc import Sequence
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra_plugins.hydra_joblib_launcher.config import JobLibLauncherConf
from hydra_plugins.hydra_joblib_launcher.joblib_launcher import JoblibLauncher

from fedrec.parent_process import EndWithParent

JOBLIB = "hydra_plugins.fedrec_plugins.FedrecJoblibLauncher"


class JoblibProcesses(JoblibLauncher):  # type: ignore[misc]  # it has no annotations
    """Hydra's launcher, whose processes would otherwise wait for ever once this one is killed: nobody would read their results."""

    def __init__(self, **settings: Any) -> None:
        """`settings` are the arguments of joblib.Parallel."""
        super().__init__(**settings, **ends_with_this_process())

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run the jobs. A process that has grown by the data of its runs is replaced, which nobody needs to know."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "A worker stopped while some jobs were given to the executor")
            returned: Sequence[JobReturn] = super().launch(job_overrides, initial_job_idx)
            return returned


def ends_with_this_process() -> dict[str, Any]:
    """Return the argument of joblib.Parallel that lets its processes end with this one. Calls with equal arguments share processes."""
    return {"initializer": EndWithParent(os.getpid())}


def register_joblib() -> None:
    """Let hydra/launcher=joblib mean `JoblibProcesses`, with the options of Hydra's launcher."""
    ConfigStore.instance().store(group="hydra/launcher", name="joblib", node=JobLibLauncherConf(_target_=JOBLIB), provider="fedrec")
