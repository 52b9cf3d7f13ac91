"""A checkpoint on disk: a folder that is there whole or not at all, and that tells if a file of it was damaged.

`about.json` says which run it belongs to, `state.json` and `tensors.safetensors` hold the state, and `SHA256SUMS` is what
`sha256sum --check` reads.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.numpy  # it writes tensors that share memory, which safetensors.torch refuses
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from fedrec.checkpoints.nested_state import decode

_ABOUT, _STATE, _TENSORS, _SUMS = "about.json", "state.json", "tensors.safetensors", "SHA256SUMS"
_PREFIX = "round_"
IDENTITY = {"round", "options", "data", "targets", "code"}  # what `about.json` says


class Damaged(ValueError):
    """A checkpoint is not as it was written. The message says which file."""


def write(parent: Path, round: int, about: Mapping[str, Any], tree: Any, tensors: Mapping[str, Tensor]) -> Path:
    """Write the checkpoint of a round, encoded, into the folder of its run, and return its folder. Raises OSError."""
    folder = parent / f"{_PREFIX}{round:07d}"
    part = folder.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    (part / _ABOUT).write_bytes(_json(about))
    (part / _STATE).write_bytes(_json(tree))
    arrays = {name: tensor.detach().cpu().contiguous().numpy() for name, tensor in tensors.items()}
    try:
        safetensors.numpy.save_file(arrays, part / _TENSORS)
    except SafetensorError as error:  # a full disk
        raise OSError(str(error)) from None
    (part / _SUMS).write_text("".join(f"{_sum(part / name)}  {name}\n" for name in (_ABOUT, _STATE, _TENSORS)), encoding="utf-8")
    for path in part.iterdir():
        _sync(path)
    _sync(part)
    shutil.rmtree(folder, ignore_errors=True)  # of an earlier start of the same run
    part.rename(folder)
    _sync(parent)
    return folder


def written(parent: Path) -> list[Path]:
    """Return the checkpoints in the folder of a run, the latest round first."""
    return sorted((path for path in parent.glob(f"{_PREFIX}*") if path.name.removeprefix(_PREFIX).isdecimal()), reverse=True)


def is_checkpoint(folder: Path) -> bool:
    """Return whether a folder is a checkpoint itself."""
    return (folder / _ABOUT).is_file()


def read_about(folder: Path) -> dict[str, Any]:
    """Return which run a checkpoint belongs to, after a look at all of its files. Raises Damaged."""
    try:
        lines = (folder / _SUMS).read_text(encoding="utf-8").splitlines()
        sums = {name: total for total, _, name in (line.partition("  ") for line in lines)}
        for name in (_ABOUT, _STATE, _TENSORS):
            if _sum(folder / name) != sums.get(name):
                raise Damaged(f"{name} is not as it was written")
        about: Any = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Damaged(str(error)) from None
    if not isinstance(about, dict) or about.keys() != IDENTITY:
        raise Damaged(f"{_ABOUT} does not say which run it belongs to")
    return about


def read_state(folder: Path, device: torch.device) -> Any:
    """Return the state of a checkpoint whose files `read_about` has looked at. Raises Damaged if they hold no state."""
    try:
        tree = json.loads((folder / _STATE).read_text(encoding="utf-8"))
        return decode(tree, safetensors.torch.load_file(folder / _TENSORS), device)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise Damaged(str(error)) from None


def _json(value: Any) -> bytes:
    return json.dumps(value, allow_nan=False).encode()


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    """Wait until a power cut cannot lose what a file holds or a folder lists. Windows opens no folder."""
    if os.name == "nt" and path.is_dir():
        return
    number = os.open(path, os.O_RDWR if path.is_file() else os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
