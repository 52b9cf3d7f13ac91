"""The processes that write runs to MLflow. Importing MLflow takes them seconds, so they start early and serve one run after another."""

import atexit
import contextlib
import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

_DEFAULTS = {  # the user's environment may say otherwise
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",  # seconds; the writer tries again what failed
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
}
_FORCED = {
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",  # a value that is reported as stored must be stored
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),  # the cores are for the training
}
_GRACE_SECONDS = 8.0  # that a writer has to store the rest of a run whose process was killed
_idle: list["WriterProcess"] = []  # at most one


class WriterProcess:
    """A process that runs `writer_main`.

    It has a process group of its own, so Ctrl-C does not reach it, but no session of its own, in which Linux would ignore `nice`.
    """

    def __init__(self) -> None:
        """Start the process. Raises OSError if that is not possible."""
        self._log = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  it lives as long as the process
        program, pipe = ("-P", "-m", "fedrec.tracking.mlflow.writer_main"), subprocess.PIPE
        command = [sys.executable, *program, str(os.getpid()), str(_GRACE_SECONDS)]
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=self._log, env=environment(), process_group=0)
        assert self.process.stdin is not None and self.process.stdout is not None
        self._input: IO[bytes] = self.process.stdin
        self.answers: IO[bytes] = self.process.stdout

    def start(self, message: Mapping[str, Any]) -> None:
        """Send the first message of a run or of a request, together with the environment of this process."""
        self.send({**message, "environment": environment()})

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message as one line of JSON. It is lost if the process has ended."""
        with contextlib.suppress(OSError):
            self._input.write(json.dumps(message).encode() + b"\n")
            self._input.flush()

    def clear_log(self) -> None:
        """Empty the log, so that `end` never reports a line of an earlier run."""
        self._log.seek(0)
        self._log.truncate()

    def end(self) -> str:
        """Close the input of the process, wait until it ends and return its exit status and the last line of its log."""
        with contextlib.suppress(OSError):
            self._input.close()
        status = self.process.wait()
        self.answers.close()
        with self._log:
            self._log.seek(0)
            lines = self._log.read().decode(errors="replace").split("\n")
        last = next(filter(None, map(str.strip, reversed(lines))), "no message")
        return f"its writer ended with status {status}: {last}"


def start_early() -> None:
    """Start the writer of the next run now: it imports MLflow while the caller imports torch."""
    with contextlib.suppress(OSError):  # the next run will report it
        release(acquire())


def acquire() -> WriterProcess:
    """Return the idle writer if there is one and it lives, else a new one. Raises OSError if no process can be started."""
    while _idle:
        writer = _idle.pop()
        if writer.process.poll() is None:
            return writer
        writer.end()
    return WriterProcess()


def release(writer: WriterProcess) -> None:
    """Keep a writer that has nothing more to write for the next run. One is enough: a second one is killed."""
    _watch_this_program()
    if _idle:
        writer.process.kill()
        writer.end()
    else:
        writer.clear_log()
        _idle.append(writer)


@functools.cache
def _watch_this_program() -> None:
    """Stop the idle writer when this program ends. A fork of this program leaves the writer to its parent."""
    atexit.register(_stop_idle)
    if hasattr(os, "register_at_fork"):  # Windows knows no fork
        os.register_at_fork(after_in_child=_idle.clear)


def _stop_idle() -> None:
    """Kill the idle writer: it has nothing to write, and may still be importing MLflow."""
    for writer in _idle:
        writer.process.kill()


def environment() -> dict[str, str]:
    """Return the environment in which MLflow runs: that of this process, and what suits a process that only writes."""
    path = os.pathsep.join(folder or str(Path.cwd()) for folder in sys.path)
    return _DEFAULTS | os.environ | _FORCED | {"PYTHONPATH": path}
