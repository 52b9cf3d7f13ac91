"""A nested state <-> JSON and tensors. Nothing of it is pickled, so reading a file of unknown origin runs no code.

Numbers, texts, truth values and None stand for themselves. Everything else is an object with one key, which says what it is:
{"tensor": its name, "on": "cpu" or "device", "strides": [...]}, {"list": [...]}, {"tuple": [...]}, {"dict": [[key, value], ...]} and
{"float": "nan"}.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor


class Unsaveable(TypeError):
    """A state holds something else than numbers, texts, tensors, lists, tuples, dicts and None."""


def encode(state: Any) -> tuple[Any, dict[str, Tensor]]:
    """Return the JSON of a state and its tensors by name, each once. Raises Unsaveable, which says where."""
    tensors: dict[int, tuple[str, Tensor]] = {}  # by identity; the tensor is kept so that its identity stays its own
    tree = _encoded(state, "", tensors)
    return tree, dict(tensors.values())


def decode(tree: Any, tensors: Mapping[str, Tensor], device: torch.device) -> Any:
    """Return the state that `encode` made a tree of. Tensors that were not on the CPU come to the device."""
    if not isinstance(tree, dict):
        return tree
    match tree:
        case {"tensor": name, "on": place, "strides": strides}:
            tensor = _laid_out(tensors[name], strides)
            return tensor.to(device) if place == "device" else tensor
        case {"list": children}:
            return [decode(child, tensors, device) for child in children]
        case {"tuple": children}:
            return tuple(decode(child, tensors, device) for child in children)
        case {"dict": pairs}:
            return {key: decode(child, tensors, device) for key, child in pairs}
        case {"float": text}:
            return float(text)
    raise ValueError(f"{list(tree)} is no kind of value")


def _encoded(value: Any, place: str, tensors: dict[int, tuple[str, Tensor]]) -> Any:
    if value is None or type(value) in (bool, int, str):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"float": repr(float(value))}
    if isinstance(value, Tensor):
        name, _ = tensors.setdefault(id(value), (str(len(tensors)), value))
        return {"tensor": name, "on": "cpu" if value.device.type == "cpu" else "device", "strides": list(_strides(value))}
    if type(value) in (list, tuple):
        return {type(value).__name__: [_encoded(child, f"{place}[{number}]", tensors) for number, child in enumerate(value)]}
    if isinstance(value, Mapping) and all(type(key) in (int, str) for key in value):
        return {"dict": [[key, _encoded(child, f"{place}[{key!r}]", tensors)] for key, child in value.items()]}
    raise Unsaveable(f"the state{place} is a {type(value).__name__}, which no checkpoint can hold")


def _strides(tensor: Tensor) -> tuple[int, ...]:
    """Return the strides of a copy: its own if it has no gaps."""
    return torch.empty_like(tensor, device="meta").stride()


def _laid_out(tensor: Tensor, strides: Sequence[int]) -> Tensor:
    """Return a copy with these strides in memory of its own: how torch's kernels round depends on the order and the alignment of numbers.

    The tensors of a file begin anywhere. PIPA's estimator parted from the undisturbed run in the first round after that.
    """
    return torch.empty_strided(tensor.shape, strides, dtype=tensor.dtype).copy_(tensor)
