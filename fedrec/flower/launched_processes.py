"""The processes of a launch: each is started and waited for, and all are ended.

Whichever way a launch ends, none is left over. An ordinary end, Ctrl-C and SIGTERM send SIGTERM to the processes that were started here,
wait for GRACE, and then kill everything that carries the mark of the launch. `process_guard` does the last also if the launcher was killed.
"""

import contextlib
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

from fedrec.flower import process_guard

GRACE = 5.0  # seconds that processes have to end by themselves
PAUSE = 0.05  # seconds between two looks whether a server answers
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_USUAL = re.compile(r"(\S+Z )?(DEBUG|INFO|WARNING)\b|For more information")  # lines that tell of no failure


class ProcessFailed(Exception):
    """A process that the federation needs has ended too early. The message is one line for the user."""


@dataclass
class Processes:
    """Starts programs of this environment with logs of their own, and ends them."""

    logs: Path
    environment: Mapping[str, str]
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    started: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict, init=False)
    ended: "SimpleQueue[str]" = field(default_factory=SimpleQueue, init=False)  # names, in the order in which they ended

    def start(self, name: str, *command: str | Path, shows: bool = False) -> None:
        """Start a program in a session of its own, so that Ctrl-C reaches the launcher alone. `shows` leaves its output to the terminal."""
        self.logs.mkdir(parents=True, exist_ok=True)
        with self.log(name).open("ab") as log:
            process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=None if shows else log,
                stderr=log,
                env={**self.environment, process_guard.VARIABLE: self.mark},
                start_new_session=True,
            )
        self.started[name] = process
        Thread(target=self._watch, args=(name, process), daemon=True).start()

    def _watch(self, name: str, process: "subprocess.Popen[bytes]") -> None:
        process.wait()
        self.ended.put(name)

    def log(self, name: str) -> Path:
        """Return the file that holds what a process tells."""
        return self.logs / f"{name}.log"

    def finish(self, name: str) -> None:
        """Wait until a process ends. Raises ProcessFailed unless its exit status is 0."""
        if self.started[name].wait():
            raise ProcessFailed(self.account(name))

    def account(self, name: str) -> str:
        """Return in a line how a process ended, and the last line of its log."""
        status = self.started[name].wait()
        how = f"with exit status {status}" if status >= 0 else f"by {signal.Signals(-status).name}"
        return f"{name} ended {how}: {last_line(self.log(name)) or 'it told nothing'}"

    def await_all(self, answers: Mapping[str, Callable[[], bool]], seconds: float) -> None:
        """Wait until all named processes answer. Raises ProcessFailed if one ends before, or does not answer in time."""
        deadline = time.monotonic() + seconds
        waiting = dict(answers)
        while waiting := {name: answer for name, answer in waiting.items() if not answer()}:
            if ended := [name for name in waiting if self.started[name].poll() is not None]:
                raise ProcessFailed(self.account(ended[0]))
            if time.monotonic() > deadline:
                name = next(iter(waiting))
                raise ProcessFailed(f"{name} does not answer after {seconds:g} seconds: {last_line(self.log(name)) or 'it told nothing'}")
            time.sleep(PAUSE)

    def end(self) -> None:
        """Ask all processes to end, the one that was started first at last, because the others still talk to it. Wait for GRACE in all."""
        deadline = time.monotonic() + GRACE
        started = [*self.started.values()]
        for group in (started[1:], started[:1]):
            for process in group:
                process.terminate()
            for process in group:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(max(deadline - time.monotonic(), 0))


@contextlib.contextmanager
def guarded(processes: Processes) -> Iterator[Processes]:
    """End the processes at the end, whatever happens. Signals that ask for an end meanwhile are ignored: it is coming."""
    command = [sys.executable, "-I", "-S", process_guard.__file__, processes.mark]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as guard:  # leaving the block waits for it
        try:
            yield processes
        finally:
            handlers = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
            processes.end()
            guard.communicate()
            for number, handler in handlers.items():
                signal.signal(number, handler)


def last_line(log: Path) -> str:
    """Return the last line of a log that tells of a failure, or else the last one, without colours."""
    lines = [line.strip("│ ") for line in _COLOURS.sub("", log.read_text(encoding="utf-8", errors="replace")).splitlines()]
    told = [line for line in lines if re.search(r"\w", line.partition(":")[2] or line)]
    return next((line for line in reversed(told) if not _USUAL.match(line)), "".join(told[-1:]))
