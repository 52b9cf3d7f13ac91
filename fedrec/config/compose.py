"""Yaml files -> configuration: where the files lie, and what Hydra must know before it reads them."""

import sys
from pathlib import Path

import hydra
from omegaconf import DictConfig, OmegaConf

PACKAGE = Path(__file__).resolve().parents[1]
PLUGINS = PACKAGE / "sweeps" / "plugin"  # holds the namespace package hydra_plugins
FOLDER = PACKAGE / "conf" if (PACKAGE / "conf").is_dir() else PACKAGE.parent / "conf"  # in a wheel, else in a checkout


def register() -> None:
    """Make fedrec's resolvers and Hydra plug-ins known in this process. A configuration can be neither composed nor read before."""
    OmegaConf.register_new_resolver("if_below", if_below, replace=True)
    OmegaConf.register_new_resolver("if_equal", if_equal, replace=True)
    if str(PLUGINS) not in sys.path:
        sys.path.append(str(PLUGINS))


def initialized(job_name: str = "main") -> hydra.initialize_config_dir:
    """Return a context in which Hydra composes the files of conf/."""
    register()
    return hydra.initialize_config_dir(str(FOLDER), job_name, version_base="1.3")


def compose(*overrides: str) -> DictConfig:
    """Return the configuration that `python -m fedrec.main OVERRIDES` runs with, for tests, benchmarks and notebooks."""
    with initialized():
        return hydra.compose("config", list(overrides))


def if_below(value: float, limit: float, below: object, otherwise: object) -> object:
    """Resolve `${if_below:VALUE,LIMIT,BELOW,OTHERWISE}`.

    >>> if_below(0.05, 0.1, 0.9, 0.5)
    0.9
    """
    return below if value < limit else otherwise


def if_equal(value: object, other: object, equal: object, otherwise: object) -> object:
    """Resolve `${if_equal:VALUE,OTHER,EQUAL,OTHERWISE}`.

    >>> if_equal("mf", "mf", "published", "random")
    'published'
    """
    return equal if value == other else otherwise
