"""Where Hydra looks for sweepers: a class counts only if it is defined in the namespace package `hydra_plugins`."""

from fedrec.sweeps.sweeper import OptunaSweeper


class FedrecSweeper(OptunaSweeper):
    """hydra/sweeper=fedrec_optuna"""
