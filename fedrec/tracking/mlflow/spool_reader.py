"""The writer's end of the files that `fedrec.tracking.mlflow.spool` fills."""

import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fedrec.tracking.delta_norm import Ranks, write_table
from fedrec.tracking.mlflow.spool import HEADER, METRICS, RANKS, SNAPSHOTS


class Row(NamedTuple):
    """One value of one metric."""

    round: int
    metric: str
    value: float
    timestamp: int  # ms


class SpoolReader:
    """Reads while the run goes on; a `position` is a place in the file of metrics."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = (folder / METRICS).open("rb")
        self.ranks: Ranks = np.load(folder / RANKS)

    def rows(self, position: int, at_most: int) -> tuple[list[Row], int]:
        """The next rows and the position after them."""
        self._file.seek(position)
        lines = [line for line in islice(self._file, at_most) if line.endswith(b"\n")]
        return [_parse(line) for line in lines if line != HEADER], position + sum(map(len, lines))

    def snapshots(self) -> Iterator[tuple[int, Path]]:
        """Round and file of every snapshot so far."""
        for path in sorted((self.folder / SNAPSHOTS).glob("round_*.npy")):
            yield int(path.stem.removeprefix("round_")), path

    def keep_as_tables(self) -> None:
        """Nobody has taken the snapshots: leave them as parquet files."""
        for _, path in self.snapshots():
            write_table(path.with_suffix(".parquet"), np.load(path), self.ranks)
            path.unlink()
        (self.folder / RANKS).unlink()

    def discard(self) -> None:
        """Everything has arrived in the store: the files have served."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _parse(line: bytes) -> Row:
    round, rest = line.decode().split(",", 1)
    metric, value, timestamp = rest.rsplit(",", 2)
    return Row(int(round), metric, float(value), int(timestamp))
