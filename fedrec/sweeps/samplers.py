"""Samplers and pruners of Optuna from their configuration."""

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from omegaconf import DictConfig, open_dict

from fedrec.config.build import build

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

    from fedrec.sweeps.search_space import SearchSpace

GRID = "optuna.samplers.GridSampler"


def make_sampler(node: DictConfig, space: "SearchSpace", number: int) -> "BaseSampler":
    """For the trial with this number. Its seed follows from the number: workers never draw alike, and a sweep that was stopped goes on
    as if it had not been. Raises ConfigError if an option is not allowed."""
    if is_grid(node):
        from optuna.samplers import GridSampler

        return GridSampler(space.grid(), node.get("seed"))
    node = node.copy()
    if node.get("seed") is not None:
        with open_dict(node):
            node.seed = int(np.random.SeedSequence([node.seed, number]).generate_state(1)[0])
    sampler: BaseSampler = _build(node)
    return sampler


def make_pruner(node: DictConfig | None) -> "BasePruner | None":
    """Raises ConfigError if an option is not allowed."""
    pruner: BasePruner | None = _build(node)
    return pruner


def is_grid(node: DictConfig) -> bool:
    """Whether the sampler tries everything once."""
    return bool(node.get("_target_") == GRID)


def _build(node: DictConfig | None) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that an option is experimental
        return build(node)
