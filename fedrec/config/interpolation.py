"""Which option stands behind a value of the configuration: `defense.client.ours.beta` that says `${...beta}` is set by `defense.beta`."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import Container

Keys = tuple[str, ...]  # from the root

REFERENCE = re.compile(r"\$\{(\.*)([A-Za-z_][\w.]*)\}")


def option_name(root: Mapping[str, Any], keys: Keys) -> str:
    """The full name of the option that a user sets to change the value at `keys` of an unresolved configuration.

    >>> option_name({"defense": {"beta": 1.0, "client": {"beta": "${..beta}"}}}, ("defense", "client", "beta"))
    'defense.beta'
    """
    value = _select(root, keys)
    if isinstance(value, str) and (match := REFERENCE.fullmatch(value)):
        referred = _absolute(keys[:-1], *match.groups())
        if _select(root, referred) is not None:
            return option_name(root, referred)
    return ".".join(keys)


def references(node: Any, keys: Keys = ()) -> Iterator[str]:
    """Full names of everything that interpolations in an unresolved node refer to; `keys` lead to the node.

    >>> list(references({"attack": {"lambda_": "${if_below:${system.malicious_share},0.1,0.9,0.5}"}}))
    ['system.malicious_share']
    """
    for key, value in node.items() if isinstance(node, Mapping) else enumerate(node):
        if isinstance(value, Mapping | list):
            yield from references(value, (*keys, str(key)))
        elif isinstance(value, str):
            for dots, path in REFERENCE.findall(value):
                yield ".".join(_absolute(keys, dots, path))


def path_of(node: Container) -> Keys:
    """The keys that lead from the root to a node."""
    parent = node._get_parent()
    return () if parent is None else (*path_of(parent), str(node._key()))  # type: ignore[arg-type]


def _select(node: Any, keys: Keys) -> Any:
    for key in keys:
        node = node[int(key)] if isinstance(node, list) else node.get(key) if isinstance(node, Mapping) else None
    return node


def _absolute(keys: Keys, dots: str, path: str) -> Keys:
    """One dot means the container at `keys`, each further one its parent; no dot the root."""
    return (*(keys[: len(keys) + 1 - len(dots)] if dots else ()), *path.split("."))
