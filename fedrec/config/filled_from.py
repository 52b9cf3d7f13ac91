"""Which file each group of a configuration was filled from, where Hydra does not say: a composed configuration holds options only."""

from collections.abc import Mapping
from typing import Any

from fedrec.config.build import GROUPS, HALVES
from fedrec.config.compose import FOLDER
from fedrec.config.yaml_files import read_yaml


def choices_of(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the choice of each group of a plain, resolved configuration: of the files with its class the one with most of its options.

    A class of no file of fedrec gives the name of its module. Of several defenses there is no choice, because Hydra has none either.
    """
    groups = [group for group in (*GROUPS, "sweep") if isinstance(config.get(group), Mapping)]
    found = {group: _defense(config[group]) if group == "defense" else _file(group, config[group]) for group in groups}
    return {group: choice for group, choice in found.items() if choice}


def _defense(node: Mapping[str, Any]) -> str:
    """Return the name of the only part, which is that of its file."""
    names = [name for half in (*HALVES, "transforms") for name in node.get(half) or {}]
    return "none" if not names else names[0] if len(names) == 1 else ""


def _file(group: str, node: Mapping[str, Any]) -> str:
    target = node.get("_target_")
    files = {path.stem: read_yaml(path) for path in sorted((FOLDER / group).glob("*.yaml"))}
    alike = {
        name: sum(node.get(key) == value for key, value in file.items()) for name, file in files.items() if file.get("_target_") == target
    }
    return max(alike, key=lambda name: alike[name]) if alike else str(target).split(".")[-2]
