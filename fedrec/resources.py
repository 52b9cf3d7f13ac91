"""What a run takes of the machine: the device, torch's threads, and memory."""

import contextlib
import ctypes
import sys
from collections.abc import Iterator
from pathlib import Path

import torch


@contextlib.contextmanager
def threads_put_back() -> Iterator[None]:
    """Leave torch's number of threads as it was: a program that runs experiments may also do other things."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def peak_memory() -> int | None:
    """Return the most memory that this process has held, in bytes; None where the system does not tell, as on Windows."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would also count what the parent held when it started this process
        line = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 2**10
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 2**10)


def return_freed_memory() -> None:
    """Return to the system what the program has freed, where the C library can be told to, as on Linux.

    Preparing large data frees half of what it took, in pieces that the matrices of the rounds fit into badly.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def choose_device(name: str) -> torch.device:
    """Return a device by its name; `auto` is a GPU of CUDA if there is one, else the CPU. Raises ValueError if it is not there."""
    n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    device = torch.device(name if name != "auto" else "cuda" if n_gpus else "cpu")
    there = {"cpu": 1, "cuda": n_gpus, "mps": int(torch.backends.mps.is_available())}
    if (device.index or 0) >= there[device.type]:
        known = ", ".join(["device=auto", "device=cpu", *(f"device=cuda:{number}" for number in range(n_gpus))])
        raise ValueError(f"device = {name}: this machine has no such device; use {known}")
    return device
