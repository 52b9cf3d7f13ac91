"""Which file each group of a configuration was filled from: as Hydra recorded it, else as the classes tell."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from fedrec.config.compose import FOLDER

GROUPS = ("attack", "defense", "model", "dataset")  # what a run is first of all


def names(config: Mapping[str, Any]) -> dict[str, str]:
    """Return attack, defense, model and data set of a run: the choice that `choices` tells, else what the classes tell.

    >>> names({"attack": {"_target_": "fedrec.attacks.pieck_uea.PieckUEA"}, "defense": {}, "choices": {"model": "mf"}})
    {'attack': 'pieck_uea', 'defense': 'none', 'model': 'mf', 'dataset': 'none'}
    """
    choices = config.get("choices") or {}
    return {group: _text(choices[group]) if group in choices else _told(group, config.get(group)) for group in GROUPS}


def recorded_choices() -> dict[str, str]:
    """Return the choices of the job that runs. A job that runs the recorded configuration of another has those of the other."""
    if not HydraConfig.initialized():
        return {}
    runtime = HydraConfig.get().runtime
    main = next((source.path for source in runtime.config_sources if source.provider == "main"), "")
    recorded = Path(main, "hydra.yaml")  # Hydra writes it beside the configuration of a run
    choices = OmegaConf.load(recorded).hydra.runtime.choices if recorded.is_file() else runtime.choices
    return {name: str(value) for name, value in choices.items() if not {"/", "@"}.intersection(name) and value is not None}


def _text(choice: Any) -> str:
    return choice if isinstance(choice, str) else "+".join(map(str, choice)) if choice else "none"


def _told(group: str, node: Any) -> str:
    """Return the file of fedrec that names the class of a node, or the module of the class. A defense holds its classes further down."""
    if not isinstance(node, Mapping):
        return "none"
    if target := str(node.get("_target_") or ""):
        return _files(group).get(target) or (target.split(".")[-2] if "." in target else target)
    return "+".join(part for child in node.values() if (part := _told(group, child)) != "none") or "none"


@cache
def _files(group: str) -> dict[str, str]:
    """Return class -> file, for each class that one file of a group names alone."""
    lines = [
        (line, path.stem) for path in (FOLDER / group).glob("*.yaml") for line in re.findall(r"(?m)^_target_: (\S+)$", path.read_text())
    ]
    classes = [line for line, _ in lines]
    return {target: name for target, name in lines if classes.count(target) == 1}
