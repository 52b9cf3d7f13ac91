"""The run's side of the conversation with the process that writes it to MLflow (`fedrec.tracking.mlflow.writer_main`)."""

import json
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from fedrec.config.run_log import print_line, write_to_file
from fedrec.config.secrets import masked
from fedrec.tracking.mlflow.run_record import Ending
from fedrec.tracking.mlflow.writer_process import acquire, release

lost_stores: set[str] = set()  # addresses: waiting again for a store that cannot be reached would cost every run of a sweep its time
_PATIENCE = 3.0  # seconds, after which the user is told what the end of the run waits for

_LOST_SILENCE = 1.0  # seconds


def say(text: str) -> None:
    """Print one line for the user, without passwords, and write it to the log of the run."""
    print_line(f"fedrec: {masked(text)}", sys.stderr)
    write_to_file(text)


class WriterClient:
    """Has one run written while it trains. The process then waits for the next run, unless something is wrong with it."""

    def __init__(self, description: Mapping[str, Any]) -> None:
        """Send what `run_description.describe` returns. Raises OSError if no process can be started."""
        self.run_id: str | None = None
        self.experiment_id: str | None = None
        self._public_uri = description["public_uri"]
        self._outcome: str | None = None  # "" if MLflow has the run, else the reason why not
        self._trouble = ""
        self._heard = time.monotonic()
        self._writer = acquire()
        self._listener = threading.Thread(target=self._listen, name="fedrec-writer", daemon=True)
        self._listener.start()
        self._writer.start(description)

    def finish(self, ending: Ending, unwritten: Mapping[str, Any], silence: float) -> str:
        """Send how the run ended and what its disk has not taken, and wait until MLflow has it all. Return "", or the reason why not.

        A writer that stores nothing for `silence` seconds is killed, after a second if its store was lost before and is not back.
        """
        if self._public_uri in lost_stores and self.run_id is None:
            silence = _LOST_SILENCE
        try:
            reason = self._wait(ending, unwritten, silence)
        except BaseException:  # Ctrl-C again
            self._writer.process.kill()
            raise
        (lost_stores.add if reason else lost_stores.discard)(self._public_uri)
        return reason

    def _wait(self, ending: Ending, unwritten: Mapping[str, Any], silence: float) -> str:
        self._writer.send({"ending": asdict(ending), "unwritten": unwritten})
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
            return (killed or last_words) if self._outcome is None else self._outcome
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
            self.experiment_id = news.get("experiment_id", self.experiment_id)
            if "done" in news or "failed" in news:
                self._outcome = news.get("failed", "")
                return
