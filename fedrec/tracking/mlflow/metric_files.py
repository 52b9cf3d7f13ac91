"""The files through which a run hands its metrics and Delta-Norm snapshots to the process that writes them to MLflow.

The run only remembers values; a thread of `MetricFiles` appends them to files in the run's folder. So training never waits for a
store, memory stays bounded, and the files hold everything whatever happens to the store or its writer.
"""

import io
import os
import shutil
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from fedrec.tracking.delta_norm import Floats
from fedrec.tracking.id_maps import ITEMS
from fedrec.tracking.mlflow.run_record import RUN_LOCK, WRITER_LOCK, locked, record

METRICS = "metrics.csv"
SNAPSHOTS = "delta_norm"
_HEADER = b"round,metric,value,timestamp_ms\n"
_FLUSH_SECONDS = 0.2
_MOST_BYTES = 64_000_000  # held in memory while the disk takes nothing


class Row(NamedTuple):
    """One value of one metric."""

    round: int
    metric: str
    value: float
    timestamp: int  # ms


class MetricFiles:
    """The run's end of the files. `add` and `add_snapshot` take microseconds; a thread writes five times a second."""

    def __init__(self, run_folder: Path, maps: Iterable[str], description: Mapping[str, Any]) -> None:
        """Make a new folder inside `run_folder`, copy the maps of ids there, and describe the run. Raises OSError if it cannot."""
        self.folder = _new_folder(run_folder)
        self._lock = locked(self.folder / RUN_LOCK)  # until the run has ended
        (self.folder / WRITER_LOCK).touch()
        (self.folder / SNAPSHOTS).mkdir()
        for name in maps:  # a later run in the same folder may have other data
            shutil.copyfile(run_folder / name, self.folder / name)
        self._file = (self.folder / METRICS).open("ab", buffering=0)
        record(self.folder, description)  # comes last: now the folder can be delivered
        self.error: OSError | None = None  # why the disk did not take the latest values
        self.dropped = False  # whether values are lost, because the disk took none for too long
        self._added: deque[tuple[int, dict[str, float], float]] = deque()
        self._unwritten = bytearray(_HEADER)
        self._snapshots: dict[int, Floats] = {}
        self._closing, self._writing = threading.Event(), threading.Lock()
        self._thread = threading.Thread(target=self._run, name="fedrec-metric-files", daemon=True)
        self._thread.start()

    def add(self, round: int, metrics: Mapping[str, Any]) -> None:
        """Add metrics of a round. Raises TypeError or ValueError if one is not a number, since the thread could tell nobody."""
        self._added.append((round, {name: float(value) for name, value in metrics.items()}, time.time()))

    def add_snapshot(self, round: int, delta_norm: Floats) -> None:
        """Add the Delta-Norm [M] of a round."""
        self._snapshots[round] = delta_norm

    def sync(self) -> None:
        """Write what there is, and wait until a power cut cannot lose it."""
        self._flush()
        with suppress(OSError):  # a full disk, or a file that cannot be synchronized
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Write what is left, wait until a power cut cannot lose it, and close the files."""
        self._closing.set()
        self._thread.join()
        self.sync()
        self._file.close()

    @property
    def unwritten(self) -> dict[str, Any]:
        """What the disk has not taken, as arguments of `MetricFilesReader.add`."""
        snapshots = {str(round): values.tolist() for round, values in self._snapshots.items()}
        return {"rows": self._unwritten.decode(), "snapshots": snapshots}

    def release(self) -> None:
        """Let other processes deliver the run: this one has nothing more to do with it."""
        self._lock.release()

    def _run(self) -> None:
        while not self._closing.wait(_FLUSH_SECONDS):
            self._flush()

    def _flush(self) -> None:
        with self._writing:
            self._write()

    def _write(self) -> None:
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
            self._limit_memory()

    def _limit_memory(self) -> None:
        if len(self._unwritten) > _MOST_BYTES:
            del self._unwritten[self._unwritten.rindex(b"\n", 0, _MOST_BYTES) + 1 :]
            self.dropped = True
        while sum(snapshot.nbytes for snapshot in self._snapshots.values()) > _MOST_BYTES:
            del self._snapshots[next(iter(self._snapshots))]
            self.dropped = True


class MetricFilesReader:
    """The writer's end of the files, which it reads while the run goes on. A `position` is a number of bytes in the metrics file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: IO[bytes] = (folder / METRICS).open("rb")
        self._unwritten: dict[int, Floats] = {}

    @property
    def maps(self) -> list[Path]:
        """The maps of ids."""
        return sorted(self.folder.glob("*.parquet"))

    @cached_property
    def items(self) -> Any:
        """The map of items, a table of pyarrow. Raises OSError or ValueError if it cannot be read."""
        from pyarrow import parquet

        return parquet.read_table(self.folder / ITEMS)

    def rows(self, position: int, at_most: int) -> tuple[list[Row], int]:
        """Return the next rows and the position after them. A line that is not complete yet is left for the next call."""
        self._file.seek(position)
        lines = [line for line in islice(self._file, at_most) if line.endswith(b"\n")]
        return [row for line in lines if (row := _parse(line))], position + sum(map(len, lines))

    def snapshots(self) -> Iterator[tuple[int, Floats]]:
        """Yield round and Delta-Norm [M] of every snapshot so far."""
        for path in sorted((self.folder / SNAPSHOTS).glob("round_*.npy")):
            yield int(path.stem.removeprefix("round_")), np.load(path)
        yield from self._unwritten.items()

    def add(self, rows: str, snapshots: Mapping[str, Sequence[float]]) -> None:
        """Add what the run could not write because its disk was full. The rows may begin within a line."""
        self._unwritten = {int(round): np.array(values, np.float32) for round, values in snapshots.items()}
        if rows:
            self._file.seek(0)
            self._file = io.BytesIO(self._file.read() + rows.encode())


def _parse(line: bytes) -> Row | None:
    """Return the row of a line, or None of the header and of what a power cut has left."""
    try:
        round, rest = line.decode().split(",", 1)
        metric, value, timestamp = rest.rsplit(",", 2)
        return Row(int(round), metric, float(value), int(timestamp))
    except ValueError:
        return None


def _new_folder(run_folder: Path) -> Path:
    """Make `tracking`, or `tracking_2` and so on if an earlier run left metrics there that reached no store."""
    run_folder, number = run_folder.resolve(), 1
    while True:
        folder = run_folder / ("tracking" if number == 1 else f"tracking_{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
        else:
            return folder


def _save(path: Path, array: Floats) -> None:
    """Write under another name first, so that the reader never sees half a file."""
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.save(file, array)
    part.replace(path)
