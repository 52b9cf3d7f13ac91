"""Ends whatever a launch has left running, also if the launcher was killed and could end nothing.

Flower's programs start programs of their own in new sessions, so neither a process group nor PR_SET_PDEATHSIG reaches all of them. All
inherit the environment, though: the launcher puts a mark of its own into it. Run as a program, this file waits until its standard input
ends, which the launcher holds open and the kernel closes when the launcher is gone, and then kills every process with the mark.
Where there is no /proc, nothing happens: Flower's programs look themselves whether the process that started them is still there.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

VARIABLE = "FEDREC_FLOWER_LAUNCH"  # in the environment of every process of a launch
PAUSE = 0.02  # seconds between two looks
LOOKS = 500  # a process that starts others is seen, and so are they


def marked(mark: str) -> Iterator[int]:
    """Yield the process ids of the running processes of a launch; one that has ended has no environment any more."""
    wanted = f"{VARIABLE}={mark}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has just ended, or is somebody else's
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                yield int(folder.name)


def kill_marked(mark: str) -> None:
    """Kill every process of a launch but this one, and those that they start meanwhile."""
    for _ in range(LOOKS):
        others = [number for number in marked(mark) if number != os.getpid()]
        if not others:
            return
        for number in others:
            with contextlib.suppress(OSError):
                os.kill(number, signal.SIGKILL)
        time.sleep(PAUSE)


if __name__ == "__main__":
    sys.stdin.buffer.read()
    kill_marked(sys.argv[1])
