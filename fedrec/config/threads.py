"""How torch's threads share a machine. OpenMP's threads wait for each other by spinning. While something else needs their cores, that
costs many times the time of the work itself.
"""

import os
from contextlib import suppress
from pathlib import Path

_BUSY = 0.25  # load of a core, on average over the last minute, above which others need the cores
_WAITING = {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"}  # variables by which users say how OpenMP's threads wait
_GROUPS = Path("/sys/fs/cgroup")


def settle_waiting() -> None:
    """Let OpenMP's threads sleep while they wait if the machine is busy, unless the environment says how they wait.

    Torch reads the environment once, when it is imported. On an idle machine threads that sleep would take up to twice as long.
    """
    if _load() > _BUSY and not _WAITING & os.environ.keys():
        os.environ["OMP_WAIT_POLICY"] = "passive"


def crowding(n_threads: int) -> str:
    """Return why so many threads hinder each other on this machine, or nothing."""
    if n_threads > 1 and (load := _load()) > _BUSY:
        return f"the machine is busy (load {load:.0%} of its cores)"
    if n_threads > (allowed := _allowed_cores()):
        return f"this process may use {allowed:g} cores only"
    return ""


def _load() -> float:
    """Return the load of the machine over the last minute per core; 0 where the system does not tell, as on Windows."""
    return os.getloadavg()[0] / (os.cpu_count() or 1) if hasattr(os, "getloadavg") else 0.0


def _allowed_cores() -> float:
    """Return how many cores this process may use at once, by its affinity and by the quota of its control groups (version 2)."""
    cores = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    with suppress(OSError, StopIteration):
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
        group = _GROUPS / next(line.removeprefix("0::/") for line in lines if line.startswith("0::/"))
        for file in (folder / "cpu.max" for folder in (group, *group.parents)):
            quota, _, period = file.read_text(encoding="utf-8").partition(" ") if file.is_file() else ("max", "", "")
            cores = cores if quota == "max" else min(cores, int(quota) / int(period))
    return cores
