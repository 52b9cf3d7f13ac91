"""Which file each group of a configuration was filled from: as Hydra recorded it, else as classes and options tell."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from fedrec.config.build import GROUPS, HALVES
from fedrec.config.compose import FOLDER
from fedrec.config.yaml_files import read_yaml

LEADING = ("attack", "defense", "model", "dataset")  # what a run is first of all


def names(config: Mapping[str, Any]) -> dict[str, str]:
    """Return attack, defense, model and data set of a run: the choice that `choices` tells, else what classes and options tell.

    >>> names({"attack": {"_target_": "fedrec.attacks.pieck_uea.PieckUEA"}, "defense": {}, "choices": {"model": "mf"}})
    {'attack': 'pieck_uea', 'defense': 'none', 'model': 'mf', 'dataset': 'none'}
    """
    choices = config.get("choices") or {}
    return {group: _text(choices[group]) if group in choices else _told(group, config.get(group)) for group in LEADING}


def recorded_choices() -> dict[str, str]:
    """Return the choices of the job that runs. A job that runs the recorded configuration of another has those of the other."""
    if not HydraConfig.initialized():
        return {}
    runtime = HydraConfig.get().runtime
    main = next((source.path for source in runtime.config_sources if source.provider == "main"), "")
    recorded = Path(main, "hydra.yaml")  # Hydra writes it beside the configuration of a run
    choices = OmegaConf.load(recorded).hydra.runtime.choices if recorded.is_file() else runtime.choices
    return {name: str(value) for name, value in choices.items() if not {"/", "@"}.intersection(name) and value is not None}


def choices_of(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the choice of each group of a plain, resolved configuration that has lost what Hydra knew of it.

    Of several defenses there is no choice, because Hydra has none either.
    """
    found = {group: _told(group, config[group]) for group in (*GROUPS, "sweep") if isinstance(config.get(group), Mapping)}
    return {group: choice for group, choice in found.items() if "+" not in choice}


def _text(choice: Any) -> str:
    return choice if isinstance(choice, str) else "+".join(map(str, choice)) if choice else "none"


def _told(group: str, node: Any) -> str:
    """Return the choice of a group: the file of fedrec with its class and most of its options, else the module of the class.

    Of a defense it is the file that lists its parts, else the names of these, which are those of their files.
    """
    if not isinstance(node, Mapping):
        return "none"
    if group == "defense":
        parts = [str(name) for half in (*HALVES, "transforms") for name in node.get(half) or {}]
        whole = [path.stem for path in (FOLDER / group).glob("*.yaml") if len(parts) > 1 and read_yaml(path).get("defaults") == parts]
        return whole[0] if whole else "+".join(parts) or "none"
    target = node.get("_target_")
    files = {path.stem: read_yaml(path) for path in sorted((FOLDER / group).glob("*.yaml"))}
    alike = {
        name: sum(node.get(key) == value for key, value in file.items()) for name, file in files.items() if file.get("_target_") == target
    }
    if alike:
        return max(alike, key=lambda name: alike[name])
    return str(target).split(".")[-2] if "." in str(target) else str(target or "none")
