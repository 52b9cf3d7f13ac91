"""Processes that end when the process that started them is gone, even if it was killed and could tell nobody."""

import os
import sys
import time
from dataclasses import dataclass
from threading import Thread

_PAUSE = 0.5  # seconds between two looks


@dataclass(frozen=True)
class EndWithParent:
    """Ends the process that calls it once `parent`, which started it, is gone. A process that waits for something ends, too.

    A thread looks who the parent is now. Linux could send a signal instead, but sends it when a thread of the parent ends.
    Windows tells no process that its parent is gone, so nothing happens there.
    """

    parent: int  # process id
    grace: float = 0.0  # seconds that the process has left then, for instance to store what it has

    def __call__(self) -> None:
        if sys.platform != "win32":
            Thread(target=self._watch, name="fedrec-parent", daemon=True).start()

    def _watch(self) -> None:
        grace = 0.0  # a process that never saw its parent has begun nothing
        while os.getppid() == self.parent:
            grace = self.grace
            time.sleep(_PAUSE)
        time.sleep(grace)
        os._exit(1)
