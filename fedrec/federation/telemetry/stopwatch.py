"""Where the seconds of a round go."""

import time

import torch


class Stopwatch:
    """`lap` keeps the seconds since the last lap under a name; on a GPU it first waits for the work it was given."""

    def __init__(self, device: torch.device) -> None:
        self.laps: dict[str, float] = {}
        self._device = device
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        now = time.perf_counter()
        self.laps[name], self._last = now - self._last, now
