"""Brings the metrics and snapshots of a run from its spool files to MLflow, again and again while the run goes on."""

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fedrec.tracking.delta_norm import Ranks, leading_ranks
from fedrec.tracking.mlflow.backend_store import MOST_METRICS, MlflowStore, is_hopeless
from fedrec.tracking.mlflow.spool import SNAPSHOTS
from fedrec.tracking.mlflow.spool_reader import SpoolReader
from fedrec.tracking.mlflow.store_uri import without_password

_BATCH_SECONDS = 2.0  # metrics that do not fill a batch wait so long for more: a small one costs almost as much as a full one
_SHORTEST_PAUSE = 0.5  # seconds between two looks at the files, or two tries
_LONGEST_PAUSE = 8.0
_LONGEST_REASON = 200  # letters


@dataclass
class Ending:
    """How the run ended, once it has."""

    status: str = "KILLED"
    summary: Mapping[str, Any] = field(default_factory=dict)
    came: threading.Event = field(default_factory=threading.Event)


class Delivery:
    """`report` is called with what happens: run_id, position in the file of metrics, snapshot (a round), trouble (a reason)."""

    def __init__(self, store: MlflowStore, reader: SpoolReader, ending: Ending, report: Callable[..., None]) -> None:
        self.store = store
        self.reader = reader
        self.ending = ending
        self.report = report
        self._position = 0
        self._last_round = 0
        self._last_batch = time.monotonic()
        self._strips: dict[int, Ranks] = {}  # round -> leading ranks

    def follow(self) -> None:
        """Until the run ends; what fails is tried again."""
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
        """Until everything has arrived; what fails is tried again, for `retry_seconds`: then it raises."""
        pause, deadline = 0.0, math.inf
        while True:
            try:
                self._catch_up()
                if self._strips:
                    self.store.log_figure(self._strips, len(self.reader.ranks), self.reader.folder)
                self.store.finish(self.ending.status, self.ending.summary, self._last_round, self.reader.folder)
                return
            except Exception as error:
                self.report(trouble=one_line(error))
                deadline = min(deadline, time.monotonic() + retry_seconds)
                if is_hopeless(error) or time.monotonic() + pause > deadline:
                    raise
                time.sleep(pause)
                pause = _longer(pause)

    def _catch_up(self) -> None:
        """All that there is; returns early if the run ends meanwhile, since `complete` goes on faster."""
        ended = self.ending.came.is_set()
        self.report(run_id=self.store.begin())
        self._send_rows(ended)
        self._send_snapshots(ended)

    def _send_rows(self, ended: bool) -> None:
        while ended or not self.ending.came.is_set():
            rows, position = self.reader.rows(self._position, MOST_METRICS)
            soon = ended or len(rows) == MOST_METRICS or time.monotonic() > self._last_batch + _BATCH_SECONDS
            if not rows or not soon:
                return
            self.store.log_rows(rows)
            self._position, self._last_round, self._last_batch = position, rows[-1].round, time.monotonic()
            self.report(position=position)

    def _send_snapshots(self, ended: bool) -> None:
        for round, path in self.reader.snapshots():
            if self.ending.came.is_set() and not ended:
                return
            if round not in self._strips:
                values = np.load(path)
                self.store.log_snapshot(round, values, self.reader.ranks, self.reader.folder / SNAPSHOTS)
                self._strips[round] = leading_ranks(values, self.reader.ranks)
                self.report(snapshot=round)


def _longer(pause: float) -> float:
    return min(2 * pause + _SHORTEST_PAUSE, _LONGEST_PAUSE)


def one_line(error: Exception) -> str:
    """What lies at the bottom of it, without SQL statement, password and stack."""
    cause: BaseException = error
    while earlier := cause.__cause__ or cause.__context__:
        cause = earlier
    return without_password((str(cause).strip() or type(cause).__name__).splitlines()[0])[:_LONGEST_REASON]
