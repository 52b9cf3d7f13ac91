"""Commands whose processes are killed at random moments."""

import os
import random
import signal
import subprocess
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

MARK = "FEDREC_TEST_MARK"  # an environment variable by which the processes of a command are found, whoever is their parent
END_SECONDS = 15  # after which no process may be left
OF_KIND = {"worker": "popen_loky_posix", "writer": "writer_main"}  # what the command line of a process says


@dataclass
class Killer:
    """Starts a command again and again and kills its processes at moments drawn from its usual duration."""

    command: Sequence[str]
    folder: Path  # the working directory
    environment: Mapping[str, str]
    random: random.Random
    look: Callable[[], None] = lambda: None  # is called again and again while a command runs
    kills: Counter[str] = field(default_factory=Counter)  # by target
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    seconds: float = 0.0  # that the command takes

    def run(self, *arguments: str) -> None:
        """Run the command to its end without a kill, to learn how long it takes."""
        started = time.monotonic()
        self._wait(process := self._start(arguments), 600)
        assert process.returncode == 0, self.log
        self.seconds = time.monotonic() - started
        self.assert_nothing_runs()

    def run_and_kill(self, *arguments: str, deaths: int) -> int | None:
        """Run the command, and kill `deaths` times what is more than a writer. Return the exit status, None if the command was killed."""
        process, kind = self._start(arguments), None
        while deaths and not self._wait(process, self.random.uniform(0, self.seconds)):
            kind = self._kill(process)
            deaths -= kind != "writer"
            if kind in ("parent", "group"):
                process.wait()
                self.assert_nothing_runs()
                return None
        if deaths and kind is None:
            self.seconds *= 0.8  # it was faster than every kill; the machine may have been busy at first
        self._wait(process, 600)
        self.assert_nothing_runs()
        return process.returncode

    @property
    def log(self) -> str:
        """What the commands have printed."""
        return (self.folder / "log").read_text()

    def assert_nothing_runs(self) -> None:
        """Check that no process of the command is left, soon."""
        deadline = time.monotonic() + END_SECONDS
        while left := self._processes():
            assert time.monotonic() < deadline, left
            time.sleep(0.05)

    def _start(self, arguments: Sequence[str]) -> "subprocess.Popen[bytes]":
        environment = {**self.environment, MARK: self.mark}
        with (self.folder / "log").open("a") as log:
            return subprocess.Popen([*self.command, *arguments], cwd=self.folder, env=environment, stdout=log, stderr=log, process_group=0)

    def _wait(self, process: "subprocess.Popen[bytes]", seconds: float) -> bool:
        """Wait so long, or until the command has ended; return whether it has."""
        deadline = time.monotonic() + seconds
        while process.poll() is None and (left := deadline - time.monotonic()) > 0:
            with suppress(subprocess.TimeoutExpired):
                process.wait(min(left, 0.5))
            self.look()
        return process.poll() is not None

    def _kill(self, process: "subprocess.Popen[bytes]") -> str:
        """Kill one of what there is now: the parent, a worker, a writer, or the whole group. Return which of them."""
        targets: dict[str, list[int]] = {"parent": [process.pid], "group": [process.pid]}
        for pid, command in self._processes().items():
            for kind in (kind for kind, words in OF_KIND.items() if words in command):
                targets.setdefault(kind, []).append(pid)
        kind = self.random.choice(sorted(targets))
        with suppress(ProcessLookupError):  # it has just ended
            (os.killpg if kind == "group" else os.kill)(self.random.choice(targets[kind]), signal.SIGKILL)
            self.kills[kind] += 1
        return kind

    def _processes(self) -> dict[int, str]:
        """Return the processes that bear the mark, each with its command line."""
        found, mark = {}, f"{MARK}={self.mark}".encode()
        for folder in (folder for folder in Path("/proc").iterdir() if folder.name.isdigit()):
            with suppress(OSError):  # it has just ended
                if mark in (folder / "environ").read_bytes().split(b"\0"):  # that of a zombie is empty
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        return found
