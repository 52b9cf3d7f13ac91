"""The GPU on which a worker computes, where a machine has several."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock, Timeout

_held: dict[str, FileLock] = {}  # until the process ends


def acquire_device(names: Sequence[str], folder: Path | None = None) -> int:
    """Return the position of a free device, which this process keeps until it ends in any way; if there is none, share one."""
    if held := [position for position, name in enumerate(names) if name in _held]:
        return held[0]
    for position, name in enumerate(names):
        lock = FileLock((folder or Path(tempfile.gettempdir())) / f"fedrec-device-{name}.lock", mode=0o666)
        try:
            lock.acquire(blocking=False)
        except (Timeout, PermissionError):
            continue
        _held[name] = lock
        return position
    return os.getpid() % len(names)


def use_own_device(name: str) -> None:
    """Make the next free GPU the one that `cuda` means in this process, if `name`, the option `device`, leaves the choice."""
    if name not in ("auto", "cuda"):
        return
    import torch

    if torch.cuda.is_available() and (n_devices := torch.cuda.device_count()) > 1:
        torch.cuda.set_device(acquire_device([str(torch.cuda.get_device_properties(number).uuid) for number in range(n_devices)]))
