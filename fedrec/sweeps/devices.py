"""Which GPU a worker computes on, where a machine has several."""

import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

_held: list[FileLock] = []  # until the process ends


def take_device(n_devices: int, folder: Path | None = None) -> int | None:
    """The number of a device that no other worker of this machine has taken; None if there are no two, or all are taken.

    The device belongs to this process until it ends, however it ends.
    """
    for number in range(n_devices if n_devices > 1 else 0):
        lock = FileLock((folder or Path(tempfile.gettempdir())) / f"fedrec-device-{number}.lock", mode=0o666)
        try:
            lock.acquire(blocking=False)
        except (Timeout, PermissionError):
            continue
        _held.append(lock)
        return number
    return None


def use_own_device(name: str) -> None:
    """Make the next free GPU the one that `cuda` means in this process; `name` is the option `device`. With all taken, GPUs are shared."""
    import torch

    if name != "cpu" and torch.cuda.is_available() and (number := take_device(torch.cuda.device_count())) is not None:
        torch.cuda.set_device(number)
