"""Yaml files -> configuration: where they lie, and the resolver that they use; where Hydra finds fedrec's plugins."""

import sys
from pathlib import Path

import hydra
from omegaconf import DictConfig, OmegaConf

PACKAGE = Path(__file__).resolve().parents[1]
PLUGINS = PACKAGE / "sweeps" / "plugin"  # holds the namespace package hydra_plugins
FOLDER = PACKAGE / "conf" if (PACKAGE / "conf").is_dir() else PACKAGE.parent / "conf"  # in a wheel, else in a checkout


def compose(*overrides: str) -> DictConfig:
    """The configuration that `python -m fedrec.main OVERRIDES` runs with, for tests, benchmarks and notebooks."""
    with hydra.initialize_config_dir(str(FOLDER), version_base="1.3"):
        return hydra.compose("config", list(overrides))


def search_path(config_dir: str | None) -> list[str]:
    """The override that lets `compose` find what the flag --config-dir adds."""
    return [f"hydra.searchpath=[{Path(config_dir).resolve().as_uri()}]"] if config_dir else []


def if_below(value: float, limit: float, below: object, otherwise: object) -> object:
    """Resolver `${if_below:VALUE,LIMIT,BELOW,OTHERWISE}`.

    >>> if_below(0.05, 0.1, 0.9, 0.5)
    0.9
    """
    return below if value < limit else otherwise


def if_equal(value: object, other: object, equal: object, otherwise: object) -> object:
    """Resolver `${if_equal:VALUE,OTHER,EQUAL,OTHERWISE}`.

    >>> if_equal("mf", "mf", "published", "random")
    'published'
    """
    return equal if value == other else otherwise


OmegaConf.register_new_resolver("if_below", if_below, replace=True)
OmegaConf.register_new_resolver("if_equal", if_equal, replace=True)

if str(PLUGINS) not in sys.path:
    sys.path.append(str(PLUGINS))
