"""Where Hydra looks for plug-ins: a class counts only if it is defined in the namespace package `hydra_plugins`."""

from fedrec.sweeps.joblib_launcher import JoblibProcesses, register_joblib
from fedrec.sweeps.multirun import TrackedSweeper
from fedrec.sweeps.naming import register_study_name
from fedrec.sweeps.ray_launcher import RayTasks
from fedrec.sweeps.sweeper import OptunaSweeper

register_joblib()
register_study_name()  # Hydra resolves the options of a sweeper before it makes one


class FedrecBasicSweeper(TrackedSweeper):
    """hydra/sweeper=fedrec_basic"""


class FedrecSweeper(OptunaSweeper):
    """hydra/sweeper=fedrec_optuna"""


class FedrecJoblibLauncher(JoblibProcesses):
    """hydra/launcher=joblib"""


class FedrecRayLauncher(RayTasks):
    """hydra/launcher=ray"""
