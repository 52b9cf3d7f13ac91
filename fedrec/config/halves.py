"""Several defenses at once: each sets its own half, and of two that set the same one the last would silently win."""

from collections.abc import Sequence
from pathlib import Path

from hydra.conf import HydraConf
from hydra.core.default_element import ResultDefault
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from fedrec.config.validation import ConfigError

GROUP = "defense/"
HALVES = {"client": "client-side defenses", "server": "server-side rules (aggregators)"}


def check_choices(settings: HydraConf | DictConfig) -> None:
    """The same for a composed configuration; `settings` is its node `hydra`."""
    if "defense" not in settings.runtime.choices:  # Hydra tells of single choices only: there are several
        folders = [Path(source.path) for source in settings.runtime.config_sources if source.schema == "file"]
        check_halves([*settings.overrides.hydra, *settings.overrides.task], folders)


def check_halves(overrides: Sequence[str], folders: Sequence[Path]) -> None:
    """Raises ConfigError if two of the chosen defenses set the same half; `folders` hold the yaml files."""
    if not GlobalHydra.instance().is_initialized():  # the process of a launcher: who started it has checked
        return
    files = GlobalHydra.instance().config_loader().compute_defaults_list("config", list(overrides), RunMode.RUN).defaults
    parents = {str(file.config_path): str(file.parent) for file in files}
    halves: dict[str, set[str]] = {}  # of each defense, those that it builds on included
    for file in files:
        if (name := _listed_as(file, parents)).startswith(GROUP):
            halves.setdefault(name.removeprefix(GROUP), set()).update(_keys(str(file.config_path), folders))
    for half, kind in HALVES.items():
        if len(names := [name for name, keys in halves.items() if half in keys]) > 1:
            raise ConfigError(f"defense=[{','.join(halves)}]: {' and '.join(names)} are {kind}; list one of them")


def _listed_as(file: ResultDefault, parents: dict[str, str]) -> str:
    """The file that the user chose and that a file is part of."""
    name, parent = str(file.config_path), str(file.parent)
    while parent.startswith(GROUP):
        name, parent = parent, parents[parent]
    return name


def _keys(config: str, folders: Sequence[Path]) -> set[str]:
    path = next((path for folder in folders if (path := folder / f"{config}.yaml").is_file()), None)
    content = OmegaConf.load(path) if path else None
    return set(map(str, content)) if isinstance(content, DictConfig) else set()
