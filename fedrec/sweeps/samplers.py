"""Samplers and pruners of Optuna, made from their configuration."""

import warnings
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from omegaconf import DictConfig, open_dict
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler, GridSampler
from pydantic import Field

from fedrec.config.build import build
from fedrec.config.validation import ConfigError, convert
from fedrec.interfaces import Positive
from fedrec.interfaces.ranges import Rate
from fedrec.sweeps.search_space import SearchSpace

GRID = "optuna.samplers.GridSampler"
Count = Annotated[int, Field(ge=0)]
Probability = Annotated[float, Field(ge=0, le=1)]
OPTIONS: Mapping[str, Any] = {  # Optuna checks some of them late, some not at all, and never names the option
    **dict.fromkeys(("n_startup_trials", "n_warmup_steps", "bootstrap_count", "n_startup_steps"), Count),
    **dict.fromkeys(("n_ei_candidates", "interval_steps", "n_min_trials", "min_resource"), Positive),
    **dict.fromkeys(("population_size", "reduction_factor"), Annotated[int, Field(ge=2)]),
    **dict.fromkeys(("crossover_prob", "swapping_prob", "p_threshold"), Probability),
    **dict.fromkeys(("multivariate", "with_margin", "warn_independent_sampling"), bool),
    "seed": Count | None,
    "sigma0": Rate | None,
    "mutation_prob": Probability | None,
    "max_resource": Literal["auto"] | Positive,
}


def check_options(settings: DictConfig) -> None:
    """Raise ConfigError if an option of the sampler or pruner of a sweeper is of the wrong type or out of range."""
    for group in ("sampler", "pruner"):
        node = settings[group] or {}
        for name in OPTIONS.keys() & set(node):
            convert(f"hydra.sweeper.{group}.{name}", node[name], OPTIONS[name])


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
