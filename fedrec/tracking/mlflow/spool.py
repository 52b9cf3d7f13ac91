"""The files through which a run hands its metrics and snapshots to the process that writes them to MLflow.

The run only remembers values; a thread of `Spool` appends them to files. So training never waits for a store, memory stays
bounded, and whatever happens to the store or its writer, everything is in the run folder. `fedrec.tracking.mlflow.spool_reader` is the
other end.
"""

import threading
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

METRICS = "metrics.csv"
SNAPSHOTS = "delta_norm"
RANKS = "popularity_ranks.npy"
HEADER = b"round,metric,value,timestamp_ms\n"
_FLUSH_SECONDS = 0.2
_MOST_BYTES = 64_000_000  # kept in memory while the disk refuses them


class Spool:
    """The end of the run: `add` and `add_snapshot` cost microseconds; a thread writes five times a second."""

    def __init__(self, run_folder: Path, popularity_ranks: NDArray[np.int64]) -> None:
        """Make a new folder inside `run_folder`, ranks [M]. Raises OSError if that is not possible."""
        self.folder = _new_folder(run_folder)
        (self.folder / SNAPSHOTS).mkdir()
        np.save(self.folder / RANKS, popularity_ranks)
        self._file = (self.folder / METRICS).open("ab", buffering=0)
        self.error: OSError | None = None
        self.dropped = False
        self._added: deque[tuple[int, dict[str, float], float]] = deque()
        self._unwritten = bytearray(HEADER)
        self._snapshots: dict[int, NDArray[np.float32]] = {}
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fedrec-spool", daemon=True)
        self._thread.start()

    def add(self, round: int, metrics: Mapping[str, Any]) -> None:
        """Metrics of a round. Raises TypeError or ValueError if one is not a number: the thread could tell nobody."""
        self._added.append((round, {name: float(value) for name, value in metrics.items()}, time.time()))

    def add_snapshot(self, round: int, delta_norm: NDArray[np.float32]) -> None:
        """Delta-Norm [M] of a round."""
        self._snapshots[round] = delta_norm

    def close(self) -> None:
        """Write what is left."""
        self._closing.set()
        self._thread.join()
        self._file.close()

    def _run(self) -> None:
        while not self._closing.wait(_FLUSH_SECONDS):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        while self._added:
            round, metrics, seconds = self._added.popleft()
            for name, value in metrics.items():
                self._unwritten += f"{round},{name},{value!r},{seconds * 1000:.0f}\n".encode()
        self.error = None
        try:
            while self._unwritten:
                del self._unwritten[: self._file.write(self._unwritten)]
            for round in list(self._snapshots):
                _save(self.folder / SNAPSHOTS / f"round_{round:04d}.npy", self._snapshots[round])
                del self._snapshots[round]
        except OSError as error:
            self.error = error
            self._limit()

    def _limit(self) -> None:
        if len(self._unwritten) > _MOST_BYTES:
            del self._unwritten[self._unwritten.rindex(b"\n", 0, _MOST_BYTES) + 1 :]
            self.dropped = True
        while sum(snapshot.nbytes for snapshot in self._snapshots.values()) > _MOST_BYTES:
            del self._snapshots[next(iter(self._snapshots))]
            self.dropped = True


def _new_folder(run_folder: Path) -> Path:
    """An earlier run in the same folder may have left metrics that reached no store."""
    run_folder, number = run_folder.resolve(), 1
    while True:
        folder = run_folder / ("tracking" if number == 1 else f"tracking_{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
        else:
            return folder


def _save(path: Path, array: NDArray[np.float32]) -> None:
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.save(file, array)
    part.replace(path)
