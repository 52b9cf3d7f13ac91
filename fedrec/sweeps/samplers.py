"""Samplers and pruners of Optuna, made from their configuration."""

import warnings

import numpy as np
from omegaconf import DictConfig, open_dict
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler, GridSampler

from fedrec.config.build import build
from fedrec.config.validation import ConfigError
from fedrec.sweeps.search_space import SearchSpace

GRID = "optuna.samplers.GridSampler"


def make_sampler(node: DictConfig, space: SearchSpace, number: int) -> BaseSampler:
    """Return the sampler for the trial with this number. Raises ConfigError if an option is not allowed."""
    if is_grid(node):
        return GridSampler(space.grid(), node.get("seed"))
    node = node.copy()
    if node.get("seed") is not None:  # workers then never draw alike, and a sweep that was stopped continues as if it had not been
        with open_dict(node):
            node.seed = int(np.random.SeedSequence([node.seed, number]).generate_state(1)[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna warns of experimental options
        sampler: BaseSampler = build(node)
    return sampler


def make_pruner(node: DictConfig | None, n_objectives: int) -> BasePruner | None:
    """Return the pruner of a study, None for no pruner. Raises ConfigError if an option is not allowed, or several objectives."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pruner: BasePruner | None = build(node)
    if pruner is not None and n_objectives > 1:
        allowed = "choose hydra/sweeper/pruner=none, or sweep=defense"
        raise ConfigError(f"hydra/sweeper/pruner: Optuna cannot prune a study with several objectives; {allowed}")
    return pruner


def is_grid(node: DictConfig) -> bool:
    """Return whether the sampler tries every point of the search space once."""
    return bool(node.get("_target_") == GRID)
