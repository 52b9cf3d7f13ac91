"""Where Hydra looks for launchers: a class counts only if it is defined in the namespace package `hydra_plugins`."""

from fedrec.sweeps.ray_launcher import RayTasks


class FedrecRayLauncher(RayTasks):
    """hydra/launcher=ray"""
