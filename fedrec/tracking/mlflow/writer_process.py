"""Feeds and awaits the process that writes a run to MLflow (`fedrec.tracking.mlflow.writer`)."""

import json
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

from fedrec.tracking.mlflow.idle_writer import acquire, environment, keep

_PATIENCE = 3.0  # seconds before the user is told what the end waits for


def say(text: str) -> None:
    """One line to the user."""
    print(f"fedrec: {text}", file=sys.stderr, flush=True)


class WriterProcess:
    """Writes one run, beside the training. Afterwards the process waits for the next `WriterProcess`, unless something is wrong with it."""

    def __init__(self, start: Mapping[str, Any]) -> None:
        """`start` is what `MlflowStore` and `mlflow_writer` need. Raises OSError if no process can be started."""
        self.run_id: str | None = None
        self._start = start
        self._outcome: str | None = None  # "" if all is well, else the reason
        self._trouble = ""
        self._heard = time.monotonic()
        self._writer = acquire()
        self._listener = threading.Thread(target=self._listen, name="fedrec-writer", daemon=True)
        self._listener.start()
        self._writer.send({**start, "environment": environment()})

    def finish(self, ending: Mapping[str, Any], silence: float) -> str:
        """Tell how the run ended and wait until it is stored; return "" or why it is not.

        A writer that gets nothing done for `silence` seconds is ended.
        """
        self._writer.send(ending)
        begin = self._heard = time.monotonic()
        told, killed = False, ""
        while self._listener.is_alive():
            self._listener.join(0.1)
            if not told and time.monotonic() > begin + _PATIENCE:
                told = True
                say("waiting for MLflow to take the last metrics")
            if time.monotonic() > self._heard + silence:
                self._writer.process.kill()
                killed = self._trouble or f"no answer for {silence:.0f} s"
        if self._outcome is None or killed:
            last_words = self._writer.end()
            return killed or last_words
        self._writer.release()
        keep(self._writer)
        return self._outcome

    def _listen(self) -> None:
        """Until the run is over, or the writer."""
        for line in self._writer.answers:
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
                return

    def _report_trouble(self, reason: str) -> None:
        if not self._trouble:
            say(f"MLflow store {self._start['public_uri']}: {reason}; trying again, the run goes on")
        self._trouble = reason
