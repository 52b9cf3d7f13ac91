"""Times a federation of whatever checkout of this project is on Python's path.

The benchmark starts it as a program, once for each checkout that it compares. It then reads one call per line from its standard input,
`["prepare", OPTION, ...]`, `["rounds", 12]` or `["evaluations", 5]` as JSON, and answers each with a line of JSON. It uses nothing of this
folder, because an older checkout has another one, and only what is public in `fedrec`.
"""

import ctypes
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from fedrec.conduct import prepare
from fedrec.config.build import check
from fedrec.config.compose import compose
from fedrec.experiment import Experiment
from fedrec.interfaces import RoundResult

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3  # of malloc.h
EPOCHS = 1000  # enough for all that is timed


class FederationClock:
    """A federation with one thread, and how long its rounds and evaluations take."""

    experiment: Experiment
    _rounds: Iterator[RoundResult]

    def prepare(self, *overrides: str) -> None:
        """Build the federation of these options."""
        keep_memory()
        config = compose("threads=1", "tracking=none", "device=cpu", *overrides, f"system.epochs={EPOCHS}")
        self.experiment = prepare(check(config), Path(tempfile.gettempdir()))
        self._rounds = self.experiment.system.rounds()

    def rounds(self, n: int) -> list[float]:
        """Train until n rounds with all their clients are over; return the seconds of each. The last round of an epoch is shorter."""
        system, seconds = self.experiment.system, list[float]()
        while len(seconds) < n:
            is_whole = len(system.sampler.sample(system.round)) == min(system.clients_per_round, system.n_users + system.n_malicious)
            spent = elapsed(lambda: next(self._rounds), system.device)
            seconds += [spent] if is_whole else []
        return seconds

    def evaluations(self, n: int) -> list[float]:
        """Evaluate n times; return the seconds of each."""
        return [elapsed(self.experiment.evaluator.evaluate, self.experiment.system.device) for _ in range(n)]


def elapsed(work: Callable[[], object], device: torch.device) -> float:
    """Return the seconds of CPU time that a call takes, or on a GPU the seconds until the GPU has finished."""
    if device.type == "cpu":
        started = time.process_time()
        work()
        return time.process_time() - started
    torch.cuda.synchronize(device)
    started = time.perf_counter()
    work()
    torch.cuda.synchronize(device)
    return time.perf_counter() - started


def keep_memory() -> None:
    """Let the C library keep memory that is freed.

    Else it depends on chance whether a round must fetch its large arrays from the system again, which may cost half of its time.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None  # glibc alone has it
    if set_option:
        for option, value in ((M_MMAP_THRESHOLD, 2**25), (M_TRIM_THRESHOLD, 2**31 - 1), (M_TOP_PAD, 2**26)):
            set_option(option, value)


def main() -> None:
    clock, answers = FederationClock(), sys.stdout
    sys.stdout = sys.stderr  # for whatever else is printed
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        print(json.dumps(getattr(clock, name)(*arguments)), file=answers, flush=True)


if __name__ == "__main__":
    main()
