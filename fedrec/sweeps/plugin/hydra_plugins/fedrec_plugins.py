"""Where Hydra looks for plug-ins: a class counts only if it is defined in the namespace package `hydra_plugins`."""

from pathlib import Path
from typing import Any

from fedrec.comparison.sweep_end import show_jobs
from fedrec.sweeps.joblib_launcher import JoblibProcesses, register_joblib
from fedrec.sweeps.multirun import TrackedSweeper
from fedrec.sweeps.naming import register_study_name
from fedrec.sweeps.ray_launcher import RayTasks
from fedrec.sweeps.sweeper import OptunaSweeper

register_joblib()
register_study_name()  # Hydra resolves the options of a sweeper before it makes one


class FedrecBasicSweeper(TrackedSweeper):
    """hydra/sweeper=fedrec_basic. It compares its jobs here, because the room `config` lies below that of results."""

    def sweep(self, arguments: list[str]) -> Any:
        """Run the jobs, then show those that have finished side by side, also if others have failed."""
        assert self.config
        folder = Path(self.config.hydra.sweep.dir)
        try:
            returned = super().sweep(arguments)
        except Exception:  # not for Ctrl-C: whoever interrupts wants to see nothing more
            show_jobs(folder, self.is_quiet)
            raise
        show_jobs(folder, self.is_quiet)
        return returned


class FedrecSweeper(OptunaSweeper):
    """hydra/sweeper=fedrec_optuna"""


class FedrecJoblibLauncher(JoblibProcesses):
    """hydra/launcher=joblib"""


class FedrecRayLauncher(RayTasks):
    """hydra/launcher=ray"""
