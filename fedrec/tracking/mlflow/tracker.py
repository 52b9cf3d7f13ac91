"""Records a run in MLflow: configuration, data set, git revision, metrics of every round, Delta-Norm snapshots (Eq. 7, Fig. 4), summary."""

import contextlib
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from fedrec.config.validation import ConfigError
from fedrec.interfaces import Callback, Evaluation, Positive, RoundResult, RunInfo, Status
from fedrec.tracking.id_maps import for_mlflow
from fedrec.tracking.mlflow.metric_files import MetricFiles
from fedrec.tracking.mlflow.run_description import describe, plain
from fedrec.tracking.mlflow.run_record import Ending, command, record_ending
from fedrec.tracking.mlflow.store_uri import StoreAddress, locate_store
from fedrec.tracking.mlflow.writer_client import WriterClient, say

_RETRY_SECONDS = 30.0  # how long the writer goes on trying after the end of a run
_SILENCE_SECONDS = 120.0  # after which a writer that stores nothing is killed
_HURRY_SECONDS = 20.0  # the same when the run was killed, because schedulers often wait for half a minute only
_SECONDS = "seconds_"  # how the name of telemetry in seconds begins


@dataclass(kw_only=True)
class MLflowTracker(Callback):
    """Costs the training some microseconds a round, because another process does the writing (`fedrec.tracking.mlflow.writer_main`).

    Raises ValueError if `uri` is not the address of a store or cannot be written. Later trouble with the store never stops a run:
    it leaves everything in the run's folder instead.
    """

    uri: str
    experiment: Annotated[str, Field(min_length=1)]
    run_name: str | None  # None = choices, options that differ from the defaults, and seed
    every_round: bool
    snapshot_rounds: list[Positive]
    snapshot_every: Positive | None  # rounds
    tags: dict[str, str | int | float | bool]

    def __post_init__(self) -> None:
        self._address: StoreAddress = locate_store(self.uri)
        self._listed_rounds = frozenset(self.snapshot_rounds)
        self._files: MetricFiles  # once the run has started
        self._writer: WriterClient | None = None
        self._latest: RoundResult | None = None
        self._latest_snapshot = 0
        self._seconds: dict[str, list[float]] = defaultdict(list)

    def on_run_start(self, info: RunInfo) -> None:
        """Raises ConfigError if nothing can be written to the run's folder."""
        description = self._description(info)
        try:
            self._files = MetricFiles(info.folder, for_mlflow(info), description)
            self._writer = WriterClient({**description, "folder": str(self._files.folder)})
        except OSError as error:
            raise ConfigError(f"tracking cannot start in the run folder {info.folder}: {error}") from None

    def on_round_end(self, result: RoundResult) -> None:
        if not self.every_round:
            return
        self._latest = result
        self._files.add(result.round, {"loss": result.loss, "round_seconds": result.seconds, **self._without_seconds(result.telemetry)})
        if result.ends_epoch:
            self._files.add(result.round, self._mean_seconds())
        if self._is_due(result.round):
            self._take_snapshot(result)

    def on_evaluation(self, evaluation: Evaluation) -> None:
        self._files.add(evaluation.round, {"epoch": evaluation.epoch, **evaluation.metrics})

    def on_run_end(self, status: Status, summary: Mapping[str, Any]) -> Mapping[str, Any]:
        """Wait until MLflow has everything. Return the run's id (None if MLflow did not take it all) and the store's address."""
        result = {"mlflow_run_id": None, "mlflow_uri": self._address.public_uri}
        if self._writer is None:
            return result
        if self._latest is not None:
            self._files.add(self._latest.round, self._mean_seconds())  # of an epoch that was cut short
            if self._latest.round != self._latest_snapshot:
                self._take_snapshot(self._latest)
        trouble = self._finish(self._writer, status, plain(summary))
        if not trouble:
            return {**result, "mlflow_run_id": self._writer.run_id, "mlflow_experiment_id": self._writer.experiment_id}
        told = f"MLflow store {self._address.public_uri} did not take the run ({trouble}); its metrics wait on disk"
        say(f"{told}. To deliver them later: {command(self._files.folder)}")
        return result

    def _finish(self, writer: WriterClient, status: Status, summary: Mapping[str, Any]) -> str:
        """Close the files and wait for the writer. Return "", or the reason why MLflow has not taken the whole run."""
        files = self._files
        files.close()
        lost = "the disk of the run was full for long, and metrics are lost" if files.dropped else ""
        ending = Ending(status, summary, int(time.time() * 1000), lost)
        with contextlib.suppress(OSError):  # a full disk
            record_ending(files.folder, replace(ending, lost=lost or _unwritten(files)))
        trouble = writer.finish(ending, files.unwritten, _HURRY_SECONDS if status == "KILLED" else _SILENCE_SECONDS)
        if files.dropped or (files.error and trouble):
            say(f"the disk did not take some metrics of this run: {files.error or 'it was full for a while'}")
        files.release()
        return trouble

    def _without_seconds(self, telemetry: Mapping[str, float]) -> dict[str, float]:
        """Return the telemetry of a round but for its seconds, which are remembered: their means are a third of the work for the store."""
        for name in telemetry:
            if name.startswith(_SECONDS):
                self._seconds[name].append(float(telemetry[name]))
        return {name: value for name, value in telemetry.items() if not name.startswith(_SECONDS)}

    def _mean_seconds(self) -> dict[str, float]:
        """Return the mean seconds of an epoch's rounds. A round without an attack does not count for `seconds_attack`."""
        seconds, self._seconds = self._seconds, defaultdict(list)
        return {name: sum(values) / len(values) for name, values in seconds.items()}

    def _is_due(self, round: int) -> bool:
        """Return whether a round is listed, or a multiple of `snapshot_every` after the last one listed."""
        is_multiple = self.snapshot_every is not None and round % self.snapshot_every == 0
        return round in self._listed_rounds or (is_multiple and round > max(self._listed_rounds, default=0))

    def _take_snapshot(self, result: RoundResult) -> None:
        self._files.add_snapshot(result.round, result.delta_norm.detach().cpu().numpy().astype(np.float32))  # [M], a copy
        self._latest_snapshot = result.round

    def _description(self, info: RunInfo) -> Mapping[str, Any]:
        """Return what the writer must know of the run but for its folder."""
        store = {**self._address.describe(self.experiment), "public_uri": self._address.public_uri, "retry_seconds": _RETRY_SECONDS}
        return {**store, **describe(info, self.run_name, self.tags), "is_pictured": self.every_round}


def _unwritten(files: MetricFiles) -> str:
    return f"the disk of the run did not take its last metrics: {files.error}" if files.error else ""
