"""When a checkpoint is due. Writing them takes two percent of a run at most, and runs of less than a minute write none."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

_SHORTEST_RUN = 60.0  # seconds; below, starting anew costs less than thinking about it
_SHORTEST_PAUSE = 30.0  # seconds from one checkpoint to the next
_PAUSES = 50.0  # the same, in durations of a writing


@dataclass
class Schedule:
    """Looks at the clock with `every=auto` only; a number of epochs is kept to whatever the time."""

    every: int | Literal["auto"] | None  # epochs
    n_rounds: int
    first_round: int  # that was finished before this process began
    clock: Callable[[], float] = time.perf_counter
    duration: float | None = field(init=False, default=None)  # seconds that the latest writing took, or may take
    _started: float = field(init=False)
    _latest: float = field(init=False)  # time of the latest writing, or of the start

    def __post_init__(self) -> None:
        self._started = self._latest = self.clock()

    def is_due(self, round: int, epoch: int) -> bool:
        """Return whether a checkpoint is due after an epoch that ends with this round; both count from 1."""
        if self.every is None or round >= self.n_rounds:
            return False
        if self.every != "auto":
            return epoch % self.every == 0
        expected = (self.clock() - self._started) / (round - self.first_round) * self.n_rounds
        return expected >= _SHORTEST_RUN and self.has_paused()

    def has_paused(self) -> bool:
        """Return whether the latest writing is long enough ago."""
        return self.clock() - self._latest >= max(_SHORTEST_PAUSE, _PAUSES * (self.duration or 0.0))

    def wrote(self, seconds: float) -> None:
        """Take note that a writing has just ended, which took so long."""
        self.duration, self._latest = seconds, self.clock()
