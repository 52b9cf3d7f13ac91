"""The processes that run `fedrec.tracking.mlflow.writer`: importing MLflow takes them seconds, so they start early and serve many runs."""

import atexit
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

MLFLOW_DEFAULTS = {  # unless the user's environment says otherwise
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",  # seconds; what fails is tried again anyway
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
}
_FORCED = {
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",  # what is reported as stored is stored
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),  # the cores are for the training
}


class Writer:
    """One process. Its own process group keeps Ctrl-C from it; its own session would make `nice` void on Linux."""

    def __init__(self) -> None:
        """Raises OSError if no process can be started."""
        self._log = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  it lives as long as the process
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "fedrec.tracking.mlflow.writer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment(),
            process_group=0,
        )

    @property
    def answers(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout

    def send(self, message: Mapping[str, Any]) -> None:
        """One line; lost if the process has ended."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()

    def release(self) -> None:
        """What a run left in the log must not be the last words of another."""
        self._log.seek(0)
        self._log.truncate()

    def end(self) -> str:
        """Without its input the process ends, if it has not yet; return its last words."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        status = self.process.wait()
        self.answers.close()
        with self._log:
            self._log.seek(0)
            lines = self._log.read().decode(errors="replace").split("\n")
        return f"its writer ended with status {status}: {next(filter(None, map(str.strip, reversed(lines))), 'no message')}"


_idle: list[Writer] = []  # at most one
os.register_at_fork(after_in_child=_idle.clear)  # it is the parent's


def start_early() -> None:
    """Start the process of the next run now: it imports MLflow, which takes seconds, while the caller imports torch."""
    with contextlib.suppress(OSError):  # the next run will say so
        keep(acquire())


def acquire() -> Writer:
    """The idle writer if there is one and it lives, else a new one. Raises OSError if no process can be started."""
    while _idle:
        writer = _idle.pop()
        if writer.process.poll() is None:
            return writer
        writer.end()
    return Writer()


def keep(writer: Writer) -> None:
    """For the next run; one is enough, and this one has nothing more to write."""
    if _idle:
        writer.process.kill()
        writer.end()
    else:
        _idle.append(writer)


def environment() -> dict[str, str]:
    """Of this process, as a writer needs it."""
    path = os.pathsep.join(folder or str(Path.cwd()) for folder in sys.path)
    return MLFLOW_DEFAULTS | os.environ | _FORCED | {"PYTHONPATH": path}


@atexit.register
def _stop_idle() -> None:
    """It may still be importing MLflow, and has nothing to write."""
    for writer in _idle:
        writer.process.kill()
