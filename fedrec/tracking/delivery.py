"""Brings the metrics and snapshots of a run from its files (`fedrec.tracking.spool`) to MLflow, again and again while the run goes on."""

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fedrec.tracking.delta_norm import Ranks, leading_ranks
from fedrec.tracking.mlflow_store import MOST_METRICS, MlflowStore, is_hopeless
from fedrec.tracking.spool import SNAPSHOTS
from fedrec.tracking.spool_reader import SpoolReader
from fedrec.tracking.store_uri import without_password

_BATCH_SECONDS = 0.5  # metrics that do not fill a batch wait so long for more
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

    def run(self, retry_seconds: float) -> None:
        """Until everything has arrived; what fails is tried again, up to `retry_seconds` after the end of the run: then it raises."""
        pause, deadline = 0.0, math.inf
        while True:
            ended = self.ending.came.wait(pause)
            try:
                self._catch_up(ended)
            except Exception as error:
                self.report(trouble=one_line(error))
                if ended:
                    deadline = min(deadline, time.monotonic() + retry_seconds)
                    if is_hopeless(error) or time.monotonic() + pause > deadline:
                        raise
                    time.sleep(pause)
                pause = min(2 * pause + _SHORTEST_PAUSE, _LONGEST_PAUSE)
            else:
                if ended:
                    return
                pause = _SHORTEST_PAUSE

    def _catch_up(self, ended: bool) -> None:
        self.report(run_id=self.store.begin())
        self._send_rows(ended)
        self._send_snapshots()
        if ended:
            if self._strips:
                self.store.log_figure(self._strips, len(self.reader.ranks), self.reader.folder)
            self.store.finish(self.ending.status, self.ending.summary, self._last_round, self.reader.folder)

    def _send_rows(self, ended: bool) -> None:
        while True:
            rows, position = self.reader.rows(self._position, MOST_METRICS)
            soon = ended or len(rows) == MOST_METRICS or time.monotonic() > self._last_batch + _BATCH_SECONDS
            if not rows or not soon:
                return
            self.store.log_rows(rows)
            self._position, self._last_round, self._last_batch = position, rows[-1].round, time.monotonic()
            self.report(position=position)

    def _send_snapshots(self) -> None:
        for round, path in self.reader.snapshots():
            if round not in self._strips:
                values = np.load(path)
                self.store.log_snapshot(round, values, self.reader.ranks, self.reader.folder / SNAPSHOTS)
                self._strips[round] = leading_ranks(values, self.reader.ranks)
                self.report(snapshot=round)


def one_line(error: Exception) -> str:
    """What lies at the bottom of it, without SQL statement, password and stack."""
    cause: BaseException = error
    while earlier := cause.__cause__ or cause.__context__:
        cause = earlier
    return without_password((str(cause).strip() or type(cause).__name__).splitlines()[0])[:_LONGEST_REASON]
