"""How long cells take, from how long the same ones took before."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from fedrec.campaigns.cells import Cell
from fedrec.campaigns.store import Store, read_table

MEASURED = Path(__file__).parent / "results" / "runs.parquet"  # of the report that comes with the code
_UNKNOWN = 10.0  # seconds, where nothing alike has been measured


@dataclass(frozen=True)
class Estimates:
    """Seconds by setting (a cell without its seed and the version of the code), and by experiment and data set."""

    by_setting: Mapping[str, float]
    by_experiment: Mapping[tuple[str, str], float]

    @classmethod
    def of(cls, store: Store | None) -> "Estimates":
        """From a store, and where it knows nothing from the report's runs."""
        tables = [*([read_table(MEASURED)] if MEASURED.is_file() else []), *([store.table()] if store else [])]
        settings: dict[str, float] = {}
        experiments: dict[tuple[str, str], list[float]] = {}
        for table in tables:
            for row in table.to_dict("records"):
                seconds = float(json.loads(row["result"])["seconds"]["total"])
                settings[row["setting"]] = seconds
                experiments.setdefault((row["experiment"], row["dataset"]), []).append(seconds)
        return cls(settings, {name: mean(seconds) for name, seconds in experiments.items()})

    def seconds(self, cell: Cell) -> float:
        """Of one run on one core."""
        return self.by_setting.get(cell.setting, self.by_experiment.get((cell.experiment, cell.dataset), _UNKNOWN))

    def total(self, cells: Iterable[Cell], workers: int) -> float:
        """Of all of them, side by side."""
        seconds = [self.seconds(cell) for cell in cells]
        return max([sum(seconds) / workers, *seconds]) if seconds else 0.0
