"""The run's side of the conversation with the process that writes it to MLflow (`fedrec.tracking.mlflow.writer_main`)."""

import json
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

from fedrec.config.secrets import masked
from fedrec.tracking.mlflow.writer_process import acquire, release

_PATIENCE = 3.0  # seconds, after which the user is told what the end of the run waits for


def say(text: str) -> None:
    """Print one line for the user, without passwords."""
    print(f"fedrec: {masked(text)}", file=sys.stderr, flush=True)


class WriterClient:
    """Has one run written while it trains. The process then waits for the next run, unless something is wrong with it."""

    def __init__(self, description: Mapping[str, Any]) -> None:
        """Send what `run_description.describe` returns. Raises OSError if no process can be started."""
        self.run_id: str | None = None
        self._public_uri = description["public_uri"]
        self._outcome: str | None = None  # "" if MLflow has the run, else the reason why not
        self._trouble = ""
        self._heard = time.monotonic()
        self._writer = acquire()
        self._listener = threading.Thread(target=self._listen, name="fedrec-writer", daemon=True)
        self._listener.start()
        self._writer.start(description)

    def finish(self, ending: Mapping[str, Any], silence: float) -> str:
        """Send how the run ended and wait until MLflow has it. Return "", or the reason why MLflow has not taken all of it.

        A writer that stores nothing for `silence` seconds is killed.
        """
        self._writer.send(ending)
        started = self._heard = time.monotonic()
        told, killed = False, ""
        while self._listener.is_alive():
            self._listener.join(0.1)
            if not told and time.monotonic() > started + _PATIENCE:
                told = True
                say("waiting for MLflow to store the last metrics")
            if time.monotonic() > self._heard + silence:
                self._writer.process.kill()
                killed = self._trouble or f"no answer for {silence:.0f} s"
        if self._outcome is None or killed:
            last_words = self._writer.end()
            return killed or last_words
        release(self._writer)
        return self._outcome

    def _listen(self) -> None:
        """Read the writer's answers until it is done with the run, or ends."""
        for line in self._writer.answers:
            if not line.endswith(b"\n"):
                return
            news = json.loads(line)
            if "trouble" in news:
                if not self._trouble:
                    say(f"MLflow store {self._public_uri}: {news['trouble']}; the run goes on and the writer tries again")
                self._trouble = news["trouble"]
                continue
            self._heard = time.monotonic()
            self.run_id = news.get("run_id", self.run_id)
            if "done" in news or "failed" in news:
                self._outcome = news.get("failed", "")
                return
