"""Which option stands behind a value: `defense.client.ours.beta` that says `${...beta}` is set by `defense.beta`."""

import re
from collections.abc import Mapping
from typing import Any

from omegaconf import Container, ListConfig, Node

Keys = tuple[str, ...]  # from the root

REFERENCE = re.compile(r"\$\{(\.*)([A-Za-z_][\w.]*)\}")


def option_name(root: Mapping[str, Any] | Container, keys: Keys) -> str:
    """Return the full name of the option that a user sets to change the value at `keys` of a configuration.

    The root is plain and unresolved, or a configuration of OmegaConf.

    >>> option_name({"defense": {"beta": 1.0, "client": {"beta": "${..beta}"}}}, ("defense", "client", "beta"))
    'defense.beta'
    """
    passed = set()
    while keys not in passed and (referred := _referred(root, keys)):  # options may refer to each other in a circle
        passed.add(keys)
        keys = referred
    return ".".join(keys)


def _referred(root: Mapping[str, Any] | Container, keys: Keys) -> Keys | None:
    """Return the keys of the option that the value at `keys` refers to, or None if it is a value of its own."""
    value = _select(root, keys)
    if isinstance(value, str) and (match := REFERENCE.fullmatch(value)):
        dots, path = match.groups()  # one dot means the container of the value, each further one its parent, and no dot the root
        referred = (*(keys[: len(keys) - len(dots)] if dots else ()), *path.split("."))
        return None if _select(root, referred) is None else referred
    return None


def _select(node: Any, keys: Keys) -> Any:
    """Return the unresolved value at some keys, or None if there is none."""
    for key in keys:
        if isinstance(node, Container):
            place = int(key) if isinstance(node, ListConfig) else key
            node = node._get_node(place, validate_access=False) if _is_filled(node) else None  # `node[place]` would resolve it
        else:
            node = node[int(key)] if isinstance(node, list) else node.get(key) if isinstance(node, Mapping) else None
    return node._value() if isinstance(node, Node) else node


def _is_filled(node: Container) -> bool:
    return not (node._is_none() or node._is_missing() or node._is_interpolation())
