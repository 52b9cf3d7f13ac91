"""How long cells take, judged from how long the same or similar cells took before."""

import json
from collections.abc import Iterable
from statistics import mean
from typing import TYPE_CHECKING

from fedrec.campaigns.cells import Cell

if TYPE_CHECKING:
    import pandas as pd

_UNKNOWN = 10.0  # seconds, where nothing similar has been measured


class Estimates:
    """Seconds of runs by setting and, less precisely, by experiment and data set."""

    def __init__(self, tables: "Iterable[pd.DataFrame]") -> None:
        """Learn from tables of runs that `Store.table` made; later tables override earlier ones."""
        self._by_setting: dict[str, float] = {}
        by_experiment: dict[tuple[str, str], list[float]] = {}
        for table in tables:
            for row in table.to_dict("records"):
                seconds = float(json.loads(row["result"])["seconds"]["total"])
                self._by_setting[row["setting"]] = seconds
                by_experiment.setdefault((row["experiment"], row["dataset"]), []).append(seconds)
        self._by_experiment = {name: mean(seconds) for name, seconds in by_experiment.items()}

    def seconds(self, cell: Cell) -> float:
        """Return the seconds that a cell takes on one core."""
        return self._by_setting.get(cell.setting, self._by_experiment.get((cell.experiment, cell.dataset), _UNKNOWN))

    def total(self, cells: Iterable[Cell], workers: int) -> float:
        """Return the seconds that several workers take for all cells."""
        seconds = [self.seconds(cell) for cell in cells]
        return max([sum(seconds) / workers, *seconds]) if seconds else 0.0
