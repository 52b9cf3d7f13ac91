"""Which file each group of a configuration was filled from, where Hydra does not say: a composed configuration holds options only."""

from collections.abc import Mapping
from typing import Any

from fedrec.config.build import GROUPS, HALVES
from fedrec.config.compose import FOLDER
from fedrec.config.yaml_files import read_yaml


def choices_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the choice of each group of a plain, resolved configuration: of the files with its class the one with most of its options.

    A class of no file of fedrec gives the name of its module. Parts of a defense have the names of their files.
    """
    groups = [group for group in (*GROUPS, "sweep") if isinstance(config.get(group), Mapping)]
    return {group: _parts(config[group]) if group == "defense" else _file(group, config[group]) for group in groups}


def _parts(defense: Mapping[str, Any]) -> Any:
    """Return the name of the only part, a list of several names, or `none`."""
    client, server = HALVES
    names = [name for half in (client, "transforms", server) for name in defense.get(half) or {}]
    return names if len(names) > 1 else names[0] if names else "none"


def _file(group: str, node: Mapping[str, Any]) -> str:
    target = node.get("_target_")
    files = {path.stem: read_yaml(path) for path in sorted((FOLDER / group).glob("*.yaml"))}
    alike = {
        name: sum(node.get(key) == value for key, value in file.items()) for name, file in files.items() if file.get("_target_") == target
    }
    return max(alike, key=lambda name: alike[name]) if alike else str(target).split(".")[-2]
