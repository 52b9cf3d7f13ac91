"""Starts, feeds and awaits the process that writes a run to MLflow (`fedrec.tracking.mlflow_writer`)."""

import atexit
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
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
_started_early: list[tuple["subprocess.Popen[bytes]", IO[bytes]]] = []  # at most one, waiting for its run
_PATIENCE = 3.0  # seconds before the user is told what the end waits for


def say(text: str) -> None:
    """One line to the user."""
    print(f"fedrec: {text}", file=sys.stderr, flush=True)


class WriterProcess:
    """Runs beside the training. Its own process group keeps Ctrl-C from it; its own session would make `nice` void on Linux."""

    def __init__(self, start: Mapping[str, Any]) -> None:
        """`start` is what `MlflowStore` and `mlflow_writer` need. Raises OSError if no process can be started."""
        self.run_id: str | None = None
        self._start = start
        self._outcome: str | None = None  # "" if all is well, else the reason
        self._trouble = ""
        self._heard = time.monotonic()
        self._process, self._log = _started_early.pop() if _started_early else _spawn()
        self._listener = threading.Thread(target=self._listen, name="fedrec-writer", daemon=True)
        self._listener.start()
        self._send(start)

    def finish(self, ending: Mapping[str, Any], silence: float) -> str:
        """Tell how the run ended and wait until it is stored; return "" or why it is not.

        A writer that gets nothing done for `silence` seconds is ended.
        """
        self._send(ending)
        begin = self._heard = time.monotonic()
        told = False
        while self._listener.is_alive():
            self._listener.join(0.1)
            if not told and time.monotonic() > begin + _PATIENCE:
                told = True
                say("waiting for MLflow to take the last metrics")
            if time.monotonic() > self._heard + silence:
                self._process.kill()
                self._outcome = self._outcome or self._trouble or f"no answer for {silence:.0f} s"
        status = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        return self._last_words(status) if self._outcome is None else self._outcome

    def _send(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # it has died; `finish` says so
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if not line.endswith(b"\n"):
                return
            news = json.loads(line)
            if "trouble" in news:
                self._report_trouble(news["trouble"])
                continue
            self._heard = time.monotonic()
            self.run_id = news.get("run_id", self.run_id)
            if "done" in news or "failed" in news:
                self._outcome = news.get("failed", "")

    def _report_trouble(self, reason: str) -> None:
        if not self._trouble:
            say(f"MLflow store {self._start['public_uri']}: {reason}; trying again, the run goes on")
        self._trouble = reason

    def _last_words(self, status: int) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").split("\n")
        return f"its writer ended with status {status}: {next(filter(None, map(str.strip, reversed(lines))), 'no message')}"


def start_early() -> None:
    """Start the process of the next `WriterProcess` now: it imports MLflow, which takes seconds, while the caller imports torch."""
    if not _started_early:
        with contextlib.suppress(OSError):  # the next WriterProcess will say so
            _started_early.append(_spawn())


@atexit.register
def _stop_unused() -> None:
    for process, _ in _started_early:
        process.kill()


def _spawn() -> tuple["subprocess.Popen[bytes]", IO[bytes]]:
    """The process and what it writes to its standard error."""
    path = os.pathsep.join(folder or str(Path.cwd()) for folder in sys.path)
    log = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as the process
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "fedrec.tracking.mlflow_writer"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env=MLFLOW_DEFAULTS | os.environ | _FORCED | {"PYTHONPATH": path},
        process_group=0,
    )
    return process, log
