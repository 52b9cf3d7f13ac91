"""Where Hydra looks for sweepers: a class counts only if it is defined in the namespace package `hydra_plugins`."""

from fedrec.config.jobs import CheckingSweeper


class FedrecBasicSweeper(CheckingSweeper):
    """hydra/sweeper=fedrec_basic"""
