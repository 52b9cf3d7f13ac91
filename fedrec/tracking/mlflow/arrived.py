"""What a store has of a run already, from an earlier process of the run or from an earlier delivery: none of it is sent again.

A run that goes on from a checkpoint logs some rounds once more, with the same values. So each (metric, step) counts once. Only the
process of a run that began last says how the run is and ends; what the others have left are metrics.
"""

import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock
from mlflow.entities import Run
from mlflow.store.tracking.dbmodels.models import SqlMetric
from mlflow.tracking import MlflowClient
from sqlalchemy import select

from fedrec.tracking import delta_norm

BEGAN = "last_began"  # tag: when the latest process of the run began, in ms


@dataclass(frozen=True)
class Arrived:
    """The defaults are those of a run that the store did not have."""

    steps: Collection[tuple[str, int]] = frozenset()  # metric and step
    parameters: Collection[str] = frozenset()
    is_superseded: bool = False  # whether a later process of the run has begun

    @classmethod
    def of(cls, client: MlflowClient, run_id: str, description: Mapping[str, Any]) -> "Arrived":
        """Return what has arrived of the run that is described."""
        run = client.get_run(run_id)
        is_superseded = int(run.data.tags.get(BEGAN, 0)) > description["started"]
        return cls(_steps(client, run), frozenset(run.data.params), is_superseded)


def _steps(client: MlflowClient, run: Run) -> frozenset[tuple[str, int]]:
    engine = getattr(client._tracking_client.store, "engine", None)
    if engine is None:  # a server has none
        told = {name: client.get_metric_history(run.info.run_id, name) for name in run.data.metrics}
        return frozenset((name, one.step) for name, history in told.items() for one in history)
    with engine.begin() as connection:
        wanted: Any = select(SqlMetric.key, SqlMetric.step).where(SqlMetric.run_uuid == run.info.run_id)
        return frozenset((key, step) for key, step in connection.execute(wanted))


def stored_strips(client: MlflowClient, run_id: str, known: Collection[int]) -> dict[int, delta_norm.Ranks]:
    """Return the leading ranks of the Delta-Norm snapshots that the store has, by round, but for the rounds that are known."""
    from pyarrow import parquet

    strips = {}
    for file in client.list_artifacts(run_id, "delta_norm"):
        name = Path(file.path)
        if name.suffix == ".parquet" and (round := int(name.stem.removeprefix("round_"))) not in known:
            with tempfile.TemporaryDirectory() as folder:
                table = parquet.read_table(client.download_artifacts(run_id, file.path, folder))
            strips[round] = delta_norm.leading_ranks(table["delta_norm"].to_numpy(), table["popularity_rank"].to_numpy())
    return strips


@contextmanager
def only_writer(key: str, timeout: float = -1) -> Iterator[None]:
    """Keep other processes from writing the same run to a store: the writer of a process that was killed works on for some seconds.

    Raises filelock.Timeout after `timeout` seconds; there is no limit if it is negative.
    """
    file = Path(tempfile.gettempdir(), f"fedrec_run_{key}.lock")
    with FileLock(file, timeout=timeout, thread_local=False):
        try:
            yield
        finally:
            with suppress(OSError):  # Windows removes no open file, but there FileLock itself removes it
                file.unlink()
