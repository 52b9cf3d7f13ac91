"""Where the seconds of a round go."""

import time

import torch


class Stopwatch:
    """`lap` returns the seconds since the last one; on a GPU it first waits for what has been asked of it."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._last = time.perf_counter()

    def lap(self) -> float:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        now = time.perf_counter()
        elapsed, self._last = now - self._last, now
        return elapsed
