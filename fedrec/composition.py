"""Yaml files -> configuration: where they lie, and the resolvers that they use."""

from pathlib import Path

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

PACKAGE = Path(__file__).resolve().parent
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


def options(group: str) -> str:
    """Resolver `${options:GROUP}` of the help text: the options of a group, the chosen one marked."""
    settings = HydraConfig.get()
    names = GlobalHydra.instance().config_loader().get_group_options(group, overrides=list(settings.overrides.hydra))
    return ", ".join(f"*{name}" if name == settings.runtime.choices.get(group) else name for name in sorted(names))


OmegaConf.register_new_resolver("if_below", if_below, replace=True)
OmegaConf.register_new_resolver("options", options, replace=True)
