"""Federations of this checkout of the project and of another one, each in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from fedrec.config.validation import ConfigError

HERE = Path(__file__).parents[2]
PROGRAM = Path(__file__).parent / "federation_clock.py"


@dataclass(frozen=True)
class Checkout:
    """A process that holds a federation; its methods are those of `FederationClock`. They raise ConfigError if it has ended."""

    folder: Path
    requests: IO[bytes]
    answers: IO[bytes]

    def prepare(self, *overrides: str) -> None:
        self._ask("prepare", *overrides)

    def rounds(self, n: int) -> list[float]:
        seconds: list[float] = self._ask("rounds", n)
        return seconds

    def evaluations(self, n: int) -> list[float]:
        seconds: list[float] = self._ask("evaluations", n)
        return seconds

    def _ask(self, *call: str | int) -> Any:
        self.requests.write(json.dumps(call).encode() + b"\n")
        self.requests.flush()
        answer = self.answers.readline()
        if not answer:
            raise ConfigError(f"{self.folder}: the process that times this checkout ended at {call[0]}; what it wrote stands above")
        return json.loads(answer)


@dataclass(frozen=True)
class Checkouts:
    """What is compared: this checkout, and perhaps another one, such as the commit before."""

    now: Checkout
    before: Checkout | None

    def both(self) -> list[Checkout]:
        return [self.now, *([self.before] if self.before else [])]


@contextmanager
def opened(before: Path | None) -> Iterator[Checkouts]:
    """Start the processes, and end them. Raises ConfigError if a folder holds no checkout."""
    if before is not None and not (before / "fedrec" / "experiment.py").is_file():
        raise ConfigError(f"--before {before}: no checkout of this project")
    with ExitStack() as stack:
        now, other = (stack.enter_context(_process(folder)) if folder else None for folder in (HERE, before))
        assert now is not None
        yield Checkouts(now, other)


@contextmanager
def _process(folder: Path) -> Iterator[Checkout]:
    environment = {**os.environ, "PYTHONPATH": str(folder.absolute()), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-P", str(PROGRAM)]
    with subprocess.Popen(command, env=environment, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        yield Checkout(folder, process.stdin, process.stdout)
        process.stdin.close()  # it ends when there is nothing left to read
