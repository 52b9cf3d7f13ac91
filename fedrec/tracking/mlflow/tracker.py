"""Records a run in MLflow: configuration, data set, git revision, metrics of every round, Delta-Norm snapshots (Eq. 7, Fig. 4), summary."""

import contextlib
import getpass
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fedrec.config.validation import ConfigError
from fedrec.interfaces import Callback, Evaluation, Positive, RoundResult, RunInfo, Status
from fedrec.tracking.mlflow.run_record import names, parameters, run_name
from fedrec.tracking.mlflow.spool import Spool
from fedrec.tracking.mlflow.spool_reader import SpoolReader
from fedrec.tracking.mlflow.store_uri import StoreAddress, locate_store, without_password
from fedrec.tracking.mlflow.timings import Timings
from fedrec.tracking.mlflow.writer_process import WriterProcess, say

_RETRY_SECONDS = 30.0  # how long the writer goes on trying after the end of a run
_SILENCE_SECONDS = 120.0  # after which a writer that gets nothing done is ended
_DIGEST_LENGTH = 36  # limit of MLflow


@dataclass(kw_only=True)
class MLflowTracker(Callback):
    """Costs the training some microseconds a round: another process does the writing (`fedrec.tracking.mlflow.spool`).

    Raises ValueError if `uri` is not the address of a store or cannot be written. Later trouble with the store never stops a run:
    everything is then left in the run's folder.
    """

    uri: str
    experiment: Annotated[str, Field(min_length=1)]
    run_name: str | None  # None = <attack>-<defense>-<model>-<dataset>-seed<seed>
    every_round: bool
    snapshot_rounds: list[Positive]
    snapshot_every: Positive | None  # rounds
    tags: dict[str, str | int | float | bool]

    def __post_init__(self) -> None:
        self._address: StoreAddress = locate_store(self.uri)
        self._first_rounds = frozenset(self.snapshot_rounds)
        self._spool: Spool | None = None
        self._writer: WriterProcess | None = None
        self._latest: RoundResult | None = None
        self._latest_snapshot = 0
        self._timings = Timings()

    def on_run_start(self, info: RunInfo) -> None:
        """Raises ValueError if nothing can be written to the run's folder."""
        try:
            self._spool = Spool(info.folder, info.popularity_ranks.cpu().numpy())
            self._writer = WriterProcess(self._start_message(info, self._spool))
        except OSError as error:
            raise ConfigError(f"tracking cannot start in the run folder {info.folder}: {error}") from None

    def on_round_end(self, result: RoundResult) -> None:
        assert self._spool is not None
        if not self.every_round:
            return
        self._latest = result
        self._spool.add(result.round, {"loss": result.loss, "round_seconds": result.seconds, **self._timings.take(result.telemetry)})
        if result.ends_epoch:
            self._spool.add(result.round, self._timings.means())
        if self._is_due(result.round):
            self._take_snapshot(result)

    def on_evaluation(self, evaluation: Evaluation) -> None:
        assert self._spool is not None
        self._spool.add(evaluation.round, {"epoch": evaluation.epoch, **evaluation.metrics})

    def on_run_end(self, status: Status, summary: Mapping[str, Any]) -> Mapping[str, Any]:
        """Wait until MLflow has everything; return the run's id (None if MLflow did not take it all) and the store's address."""
        if self._spool is None or self._writer is None:
            return self._result(None)
        if self._latest is not None:
            self._spool.add(self._latest.round, self._timings.means())  # of an epoch that was cut short
            if self._latest.round != self._latest_snapshot:
                self._take_snapshot(self._latest)
        self._spool.close()
        ending = {"status": status, "summary": json.loads(json.dumps(summary, default=_plain))}
        trouble = self._writer.finish(ending, _SILENCE_SECONDS)
        if self._spool.error or self._spool.dropped:
            say(f"the disk refused some metrics of this run: {self._spool.error or 'it was full for a while'}")
        if not trouble:
            return self._result(self._writer.run_id)
        with contextlib.suppress(OSError):  # a full disk: they stay as they are
            SpoolReader(self._spool.folder).keep_as_tables()
        say(f"MLflow store {self._address.public_uri} did not take the run ({trouble}); its metrics are in {self._spool.folder}")
        return self._result(None)

    def _result(self, run_id: str | None) -> Mapping[str, Any]:
        return {"mlflow_run_id": run_id, "mlflow_uri": self._address.public_uri}

    def _is_due(self, round: int) -> bool:
        if round in self._first_rounds:
            return True
        return self.snapshot_every is not None and round % self.snapshot_every == 0 and round > max(self._first_rounds, default=0)

    def _take_snapshot(self, result: RoundResult) -> None:
        assert self._spool is not None
        values: NDArray[np.float32] = result.delta_norm.detach().cpu().numpy().astype(np.float32)  # [M], a copy
        self._spool.add_snapshot(result.round, values)
        self._latest_snapshot = result.round

    def _start_message(self, info: RunInfo, spool: Spool) -> Mapping[str, Any]:
        """What `fedrec.tracking.mlflow.writer` is told."""
        named = names(info.config)
        data = info.config.get("dataset", {})
        own = {
            "mlflow.user": _user(),
            "mlflow.source.name": "fedrec.main",
            "mlflow.source.type": "LOCAL",
            "data_checksum": info.data_checksum,
        }
        return {
            "folder": str(spool.folder),
            "retry_seconds": _RETRY_SECONDS,
            "uri": self._address.uri,
            "public_uri": self._address.public_uri,
            "database": self._address.database and str(self._address.database),
            "experiment": self.experiment,
            "artifact_location": self._address.artifact_location(self.experiment),
            "run_name": self.run_name or run_name(info.config),
            "tags": {**own, **named, **{name: str(value) for name, value in self.tags.items()}},
            "parameters": {name: without_password(value) for name, value in parameters(info.config).items()},
            "dataset": {
                "name": named["dataset"],
                "digest": info.data_checksum[:_DIGEST_LENGTH],
                "source_type": "fedrec",
                "source": json.dumps(data, default=str),
                "profile": json.dumps(dict(info.statistics), default=_plain),
            },
        }


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without names of users
        return "unknown"


def _plain(value: Any) -> Any:
    """Numbers of NumPy and PyTorch as such, anything else as text."""
    return value.item() if hasattr(value, "item") else str(value)
