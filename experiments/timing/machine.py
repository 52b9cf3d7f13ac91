"""What one core of this machine can do, measured by torch, and how long some work must take on it; see `limits`."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Work:
    """What must at least be done."""

    dram: float = 0.0  # bytes
    l2: float = 0.0  # bytes
    operations: float = 0.0

    def __add__(self, other: "Work") -> "Work":
        return Work(self.dram + other.dram, self.l2 + other.l2, self.operations + other.operations)


@dataclass(frozen=True)
class Machine:
    """What one core of this machine does in a second."""

    dram: float  # bytes
    l2: float  # bytes
    sgemm: float  # operations

    def seconds(self, work: Work) -> float:
        """
        Return the least time of some work.

        >>> Machine(dram=10.0, l2=100.0, sgemm=1000.0).seconds(Work(20.0, 100.0, 500.0))
        3.5
        """
        return work.dram / self.dram + work.l2 / self.l2 + work.operations / self.sgemm


def measure_machine() -> Machine:
    """Measure memory, cache and arithmetic; each is the median of nine."""
    one, other = torch.rand(2, 1024, 1024)
    return Machine(_triad(2**24, 1), _triad(2**16, 1000), 2 * 1024**3 / _median(lambda: one @ other))


def _triad(n: int, repeats: int) -> float:
    a, b, c = torch.rand(3, n)

    def work() -> None:
        for _ in range(repeats):
            torch.add(b, c, alpha=2.0, out=a)

    return 12 * n * repeats / _median(work)


def _median(work: Callable[[], object]) -> float:
    seconds = []
    for _ in range(9):
        started = time.process_time()
        work()
        seconds.append(time.process_time() - started)
    return statistics.median(seconds)
