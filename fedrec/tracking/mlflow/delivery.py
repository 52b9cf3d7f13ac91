"""Brings the metrics and snapshots of a run from its files to MLflow, again and again while the run goes on."""

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fedrec.tracking.delta_norm import Ranks, leading_ranks
from fedrec.tracking.mlflow.metric_files import SNAPSHOTS, MetricFilesReader
from fedrec.tracking.mlflow.open_store import is_permanent
from fedrec.tracking.mlflow.store_uri import without_password
from fedrec.tracking.mlflow.stored_run import MOST_METRICS, StoredRun

_BATCH_SECONDS = 2.0  # how long metrics wait for more to fill a batch: a small batch costs almost as much as a full one
_SHORTEST_PAUSE = 0.5  # seconds between two looks at the files, or two tries
_LONGEST_PAUSE = 8.0
_LONGEST_REASON = 200  # characters


@dataclass
class Ending:
    """How the run ended, once `came` is set."""

    status: str = "KILLED"
    summary: Mapping[str, Any] = field(default_factory=dict)
    came: threading.Event = field(default_factory=threading.Event)


class Delivery:
    """Delivers one run. `report` is called with news: run_id, position in the metrics file, snapshot (its round), trouble (a reason)."""

    def __init__(self, run: StoredRun, reader: MetricFilesReader, ending: Ending, report: Callable[..., None]) -> None:
        self.run = run
        self.reader = reader
        self.ending = ending
        self.report = report
        self._position = 0
        self._last_round = 0
        self._last_batch = time.monotonic()
        self._strips: dict[int, Ranks] = {}  # round -> leading ranks

    def follow(self) -> None:
        """Deliver until the run ends. Whatever fails is tried again."""
        pause = 0.0
        while not self.ending.came.wait(pause):
            try:
                self._catch_up()
            except Exception as error:
                self.report(trouble=one_line(error))
                pause = _longer(pause)
            else:
                pause = _SHORTEST_PAUSE

    def complete(self, retry_seconds: float) -> None:
        """Deliver all that is left of a run that has ended. Raises the error that lasts for `retry_seconds`."""
        pause, deadline = 0.0, math.inf
        while True:
            try:
                self._catch_up()
                if self._strips:
                    self.run.log_figure(self._strips, len(self.reader.ranks), self.reader.folder)
                self.run.finish(self.ending.status, self.ending.summary, self._last_round, self.reader.folder)
                return
            except Exception as error:
                self.report(trouble=one_line(error))
                deadline = min(deadline, time.monotonic() + retry_seconds)
                if is_permanent(error) or time.monotonic() + pause > deadline:
                    raise
                time.sleep(pause)
                pause = _longer(pause)

    def _catch_up(self) -> None:
        """Deliver all there is. Stop early if the run ends meanwhile, because `complete` goes on at full priority."""
        ended = self.ending.came.is_set()
        self.report(run_id=self.run.setup())
        self._send_rows(ended)
        self._send_snapshots(ended)

    def _send_rows(self, ended: bool) -> None:
        while ended or not self.ending.came.is_set():
            rows, position = self.reader.rows(self._position, MOST_METRICS)
            due = ended or len(rows) == MOST_METRICS or time.monotonic() > self._last_batch + _BATCH_SECONDS
            if not rows or not due:
                return
            self.run.log_rows(rows)
            self._position, self._last_round, self._last_batch = position, rows[-1].round, time.monotonic()
            self.report(position=position)

    def _send_snapshots(self, ended: bool) -> None:
        for round, path in self.reader.snapshots():
            if self.ending.came.is_set() and not ended:
                return
            if round not in self._strips:
                values = np.load(path)
                self.run.log_snapshot(round, values, self.reader.ranks, self.reader.folder / SNAPSHOTS)
                self._strips[round] = leading_ranks(values, self.reader.ranks)
                self.report(snapshot=round)


def _longer(pause: float) -> float:
    return min(2 * pause + _SHORTEST_PAUSE, _LONGEST_PAUSE)


def one_line(error: Exception) -> str:
    """Return the first line of the innermost cause, without passwords."""
    cause: BaseException = error
    while earlier := cause.__cause__ or cause.__context__:
        cause = earlier
    return without_password((str(cause).strip() or type(cause).__name__).splitlines()[0])[:_LONGEST_REASON]
