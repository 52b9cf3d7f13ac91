"""Where Hydra looks for sweepers: a class counts only if it is defined in the namespace package `hydra_plugins`."""

from fedrec.sweeps.naming import register_study_name
from fedrec.sweeps.sweeper import OptunaSweeper

register_study_name()  # Hydra resolves the options of a sweeper before it makes one


class FedrecSweeper(OptunaSweeper):
    """hydra/sweeper=fedrec_optuna"""
