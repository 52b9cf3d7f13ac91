"""Which option stands behind a value: `defense.client.ours.beta` that says `${...beta}` is set by `defense.beta`."""

import re
from collections.abc import Mapping
from typing import Any

Keys = tuple[str, ...]  # from the root

REFERENCE = re.compile(r"\$\{(\.*)([A-Za-z_][\w.]*)\}")


def option_name(root: Mapping[str, Any], keys: Keys) -> str:
    """Return the full name of the option that a user sets to change the value at `keys` of an unresolved configuration.

    >>> option_name({"defense": {"beta": 1.0, "client": {"beta": "${..beta}"}}}, ("defense", "client", "beta"))
    'defense.beta'
    """
    passed = set()
    while keys not in passed and (referred := _referred(root, keys)):  # options may refer to each other in a circle
        passed.add(keys)
        keys = referred
    return ".".join(keys)


def _referred(root: Mapping[str, Any], keys: Keys) -> Keys | None:
    """Return the keys of the option that the value at `keys` refers to, or None if it is a value of its own."""
    value = _select(root, keys)
    if isinstance(value, str) and (match := REFERENCE.fullmatch(value)):
        dots, path = match.groups()  # one dot means the container of the value, each further one its parent, and no dot the root
        referred = (*(keys[: len(keys) - len(dots)] if dots else ()), *path.split("."))
        return None if _select(root, referred) is None else referred
    return None


def _select(node: Any, keys: Keys) -> Any:
    for key in keys:
        node = node[int(key)] if isinstance(node, list) else node.get(key) if isinstance(node, Mapping) else None
    return node
