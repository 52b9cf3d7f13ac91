"""What launchers of Hydra cannot do, said before a sweep starts."""

import shutil

from omegaconf import DictConfig

from fedrec.config.validation import ConfigError

SLURM = "hydra_plugins.hydra_submitit_launcher.submitit_launcher.SlurmLauncher"


def check_launcher(config: DictConfig) -> None:
    """Raise ConfigError if the launcher of a configuration cannot work on this machine, or with its options."""
    if config.hydra.launcher.get("_target_") == SLURM and not shutil.which("srun"):
        other = "hydra/launcher=submitit_local runs the jobs here"
        raise ConfigError(f"hydra/launcher=submitit_slurm: this machine belongs to no Slurm cluster, because it has no srun; {other}")
    if config.hydra.launcher.get("n_jobs") == 0:  # joblib would say so after the sweep has been announced
        raise ConfigError("hydra.launcher.n_jobs=0 is not allowed: must be a number of processes, or -1 for one on each core")
