"""What an audit keeps of a run."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any, ClassVar

import numpy as np
import torch

from fedrec.campaigns.measuring import Recorder
from fedrec.interfaces import RoundResult, RunInfo, Status

METRICS = ("epoch", "ER@10", "HR@10", "NDCG@10", "validation_HR@10")
TOP = 10  # of the lists in which items are counted
MOST = 2000  # items whose counts are kept, those that most users see
_DIGITS = 6
_LAPS = {"client_ms": "seconds_training", "server_ms": "seconds_aggregation"}


@dataclass
class AuditRecord(Recorder):
    """Collects `result`, which is complete once the run has ended. A run that diverges says so, since that is a result of its own."""

    keeps_diverged: ClassVar[bool] = True
    result: dict[str, Any] = field(default_factory=dict, init=False)
    _began: tuple[float, float] = field(default_factory=lambda: (time.perf_counter(), time.process_time()), init=False)
    _laps: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in _LAPS}, init=False)

    def on_run_start(self, info: RunInfo) -> None:
        super().on_run_start(info)
        self._info = info
        targets = list(info.target_items)
        titles = [None if title is None else str(title) for title in info.target_titles or [None] * len(targets)]
        known = zip(info.target_ids, titles, info.popularity[targets].tolist(), info.popularity_ranks[targets].tolist(), strict=True)
        self.result["targets"] = [list(one) for one in known]  # id, title, interactions in training, rank by these

    def on_round_end(self, result: RoundResult) -> None:
        for name, lap in _LAPS.items():
            self._laps[name].append(result.telemetry[lap])

    def on_run_end(self, status: Status, summary: Mapping[str, Any]) -> Mapping[str, Any]:
        for rule in ("best", "near_best", "peak", "validation"):
            values = summary[rule] or {}  # a run that diverged early has none
            self.result[rule] = {name: round(values[name], _DIGITS) for name in METRICS if name in values}
        if self._info.config["model"]["save"] and status == "FINISHED":
            self.result["seen"] = self._seen()
        laps = {name: round(1000 * median(seconds), 3) for name, seconds in self._laps.items() if seconds}
        wall, cpu = (round(now - began, 3) for now, began in zip((time.perf_counter(), time.process_time()), self._began, strict=True))
        self.result |= {**laps, "seconds": {"total": wall, "cpu": cpu}, "torch": torch.__version__}
        return {}

    def _seen(self) -> list[list[Any]]:
        """Return id, title, interactions in training, and the share of the users who see the item in their top 10, of each item."""
        from fedrec.saved_runs.saved_run import SavedRun

        info, trained = self._info, SavedRun(self._info.folder).trained
        counts = np.zeros(len(info.item_ids), np.int64)
        for lists in trained.recommend(np.arange(len(info.user_ids)), min(TOP, len(counts))):
            counts += np.bincount(lists.items[lists.items >= 0], minlength=len(counts))
        numbers = [number for number in np.argsort(-counts, kind="stable")[:MOST].tolist() if counts[number]]
        titles: Any = info.item_titles if info.item_titles is not None else [None] * len(counts)
        shares = (counts / len(info.user_ids)).round(_DIGITS)
        return [[str(info.item_ids[n]), titles[n], int(info.popularity[n]), float(shares[n])] for n in numbers]
