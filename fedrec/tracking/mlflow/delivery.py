"""Brings the metrics and snapshots of a run from its files to MLflow, again and again while the run goes on."""

import json
import math
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fedrec.tracking.delta_norm import Ranks, leading_ranks
from fedrec.tracking.mlflow.metric_files import MetricFilesReader
from fedrec.tracking.mlflow.open_store import is_permanent, one_line
from fedrec.tracking.mlflow.run_record import Ending, recorded_ending, remove
from fedrec.tracking.mlflow.stored_run import MOST_METRICS, StoredRun

_BATCH_SECONDS = 2.0  # how long metrics wait for more to fill a batch: a small batch costs almost as much as a full one
_SHORTEST_PAUSE = 0.5  # seconds between two looks at the files, or two tries
_LONGEST_PAUSE = 8.0


class Delivery:
    """Delivers the run that `MLflowTracker` describes, and reports news of it.

    The news are run_id and experiment_id, position in the metrics file, snapshot (its round), trouble (a reason), and at last done or
    failed (a reason).
    """

    def __init__(self, description: Mapping[str, Any], report: Callable[..., None]) -> None:
        self._run = StoredRun(description)
        self._reader = MetricFilesReader(Path(description["folder"]))
        self._report = report
        self._retry_seconds = description["retry_seconds"]
        self._ended = threading.Event()
        self._ending = Ending()
        self._unwritten: Mapping[str, Any] | None = None  # what the disk of the run's folder did not take
        self._pause = 0.0  # seconds before the next look or try
        self._position = 0
        self._last_time = description["started"]
        self._last_batch = time.monotonic()
        self._strips: dict[int, Ranks] = {}  # round -> leading ranks
        self._has_maps = False  # whether MLflow has the maps of ids

    @property
    def run_id(self) -> str | None:
        """The id of the run in MLflow, once it has one."""
        return self._run.run_id

    def follow(self) -> None:
        """Deliver until the run ends. Whatever fails is tried again."""
        threading.Thread(target=self._await_ending, daemon=True).start()
        while not self._ended.wait(self._pause):
            self._try(self._catch_up)

    def complete(self) -> str:
        """Deliver all that is left of a run that has ended, and return "". Return the reason if an error is permanent or lasts too long."""
        self._pause, deadline = 0.0, math.inf
        if self._unwritten is not None:
            self._reader.add(**self._unwritten)
        while (error := self._try(self._finish)) is not None:
            deadline = min(deadline, time.monotonic() + self._retry_seconds)
            if is_permanent(error) or time.monotonic() + self._pause > deadline:
                self._run.give_up(self._ending)
                return one_line(error)
            time.sleep(self._pause)
        remove(self._reader.folder)
        return ""

    def _try(self, step: Callable[[], None]) -> Exception | None:
        """Return the error of a step that failed, and report it. The more steps fail in a row, the longer the pause."""
        try:
            step()
        except Exception as error:
            self._report(trouble=one_line(error))
            self._pause = min(2 * self._pause + _SHORTEST_PAUSE, _LONGEST_PAUSE)
            return error
        self._pause = _SHORTEST_PAUSE
        return None

    def end(self, ending: Ending) -> None:
        """Say how the run ended."""
        self._ending = ending
        self._ended.set()

    def _await_ending(self) -> None:
        """Read from standard input how the run ended. A run that was killed may have sent nothing, or half a line."""
        line = sys.stdin.readline()
        if not line.endswith("\n"):
            return self.end(recorded_ending(self._reader.folder))
        message = json.loads(line)
        self._unwritten = message["unwritten"]
        return self.end(Ending(**message["ending"]))

    def _catch_up(self) -> None:
        """Deliver all there is. Stop early if the run ends meanwhile, because `complete` goes on at full priority."""
        ended = self._ended.is_set()
        self._report(run_id=self._run.setup(), experiment_id=self._run.experiment_id)
        self._send_rows(ended)
        if not self._has_maps:
            self._run.log_maps(self._reader.maps)
            self._has_maps = True
        self._send_snapshots(ended)

    def _finish(self) -> None:
        self._catch_up()
        if self._strips:
            self._run.log_figure(self._strips, self._reader.items.num_rows)
        self._run.finish(self._ending, self._ending.time or self._last_time)

    def _send_rows(self, ended: bool) -> None:
        while ended or not self._ended.is_set():
            rows, position = self._reader.rows(self._position, MOST_METRICS)
            due = ended or len(rows) == MOST_METRICS or time.monotonic() > self._last_batch + _BATCH_SECONDS
            if position == self._position or not due:
                return
            if rows:
                self._run.log_rows(rows)
                self._last_time = rows[-1].timestamp
            self._position, self._last_batch = position, time.monotonic()
            self._report(position=position)

    def _send_snapshots(self, ended: bool) -> None:
        for round, values in self._reader.snapshots():
            if self._ended.is_set() and not ended:
                return
            if round not in self._strips:
                ranks = self._reader.items["popularity_rank"].to_numpy()
                self._run.log_snapshot(round, values, self._reader.items, ranks)
                self._strips[round] = leading_ranks(values, ranks)
                self._report(snapshot=round)
