"""Where the seconds of a round go."""

import time
from typing import TypeVar

import torch

Result = TypeVar("Result")


class Stopwatch:
    """`lap` keeps the seconds since the last lap under a name; on a GPU it first waits for the work it was given."""

    def __init__(self, device: torch.device) -> None:
        self.laps: dict[str, float] = {}
        self._device, self._last = device, time.perf_counter()

    def lap(self, name: str, result: Result) -> Result:
        """Return the result of the step that ends here. A step without a result (None) was not taken and has no lap."""
        if result is not None:
            if self._device.type == "cuda":
                torch.cuda.synchronize(self._device)
            now = time.perf_counter()
            self.laps[name], self._last = now - self._last, now
        return result
