"""How long cells take, judged from how long the same or similar cells took before."""

import json
from collections.abc import Iterable, Iterator, Sequence
from statistics import mean
from typing import TYPE_CHECKING

from fedrec.campaigns.cells import Cell

if TYPE_CHECKING:
    import pandas as pd

_UNKNOWN = 10.0  # seconds, where nothing similar has been measured


class Estimates:
    """Seconds of runs by setting and, less precisely, of runs that differ in one choice, or of the same experiment and data set.

    Of runs that differ in the attack and those that differ in the defense the dearer ones count: a dear defense always is.
    """

    def __init__(self, tables: "Iterable[pd.DataFrame]", unknown: float = _UNKNOWN) -> None:
        """Learn from tables of runs that `Store.table` made; later tables override earlier ones. `unknown` is the guess without any."""
        self._unknown = unknown
        self._by_setting: dict[str, float] = {}
        alike: dict[tuple[str, ...], list[float]] = {}
        for table in tables:
            for row in table.to_dict("records"):
                told = json.loads(row["result"])["seconds"]
                seconds = float(told.get("cpu", told["total"]))  # CPU time where it was kept: other programs hardly change it
                self._by_setting[row["setting"]] = seconds
                for name in (*_less_one(row["experiment"], row["dataset"], json.loads(row["point"])), (row["experiment"], row["dataset"])):
                    alike.setdefault(name, []).append(seconds)
        self._alike = {name: mean(seconds) for name, seconds in alike.items()}

    def seconds(self, cell: Cell) -> float:
        """Return the seconds that a cell takes on one core."""
        if cell.setting in self._by_setting:
            return self._by_setting[cell.setting]
        near = [self._alike[name] for name in _less_one(cell.experiment, cell.dataset, cell.point) if name in self._alike]
        return max(near) if near else self._alike.get((cell.experiment, cell.dataset), self._unknown)

    def total(self, cells: Iterable[Cell], workers: int) -> float:
        """Return the seconds that several workers take for all cells."""
        seconds = [self.seconds(cell) for cell in cells]
        return max([sum(seconds) / workers, *seconds]) if seconds else 0.0


def _less_one(experiment: str, dataset: str, point: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield names that a run shares with those that differ from it in one choice."""
    for place in range(len(point)):
        yield experiment, dataset, str(place), *point[:place], *point[place + 1 :]
