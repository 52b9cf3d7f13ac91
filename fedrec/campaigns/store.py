"""Where results are kept: a study whose trials are runs, and which cells of which experiment they stand for."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fedrec.campaigns.cells import Cell, experiments
from fedrec.config.validation import ConfigError
from fedrec.sweeps.study import SharedStudy, failure
from fedrec.sweeps.study_storage import locate, open_storage

if TYPE_CHECKING:
    import pandas as pd
    from optuna.trial import FrozenTrial, Trial

CELL, KEY, RESULT = "cell", "key", "result"  # user attributes of a trial; of the study: experiment -> its cells
COLUMNS = ("experiment", "point", "dataset", "seed", "setting", "version", "key", "result")  # of `Store.table`; point and result as JSON

Result = Mapping[str, Any]  # what `Record` keeps of a run


@dataclass(frozen=True)
class Address:
    """Of a store; processes on other machines may have it."""

    url: str

    @classmethod
    def of(cls, storage: str | None, folder: Path) -> "Address":
        """A database, or, without one, an SQLite file in the folder. Raises ConfigError."""
        return cls(locate(storage, folder, "storage"))

    def open(self) -> "Store":
        """Made if there is none."""
        return Store(SharedStudy(open_storage(self.url), self.url, "paper", 0))


class Store:
    """Results by key. Nothing is ever removed: other code or other data have other keys."""

    def __init__(self, study: SharedStudy) -> None:
        self.study = study

    def _measured(self) -> "list[FrozenTrial]":
        """Runs with a result; one that ends while it is read may be seen without."""
        return [trial for trial in self.study.trials() if trial.values and RESULT in trial.user_attrs]

    def results(self) -> dict[str, Result]:
        return {trial.user_attrs[KEY]: trial.user_attrs[RESULT] for trial in self._measured()}

    def failures(self, cells: Iterable[Cell]) -> list[tuple[Cell, str]]:
        """Cells whose latest run has failed, and why."""
        latest = {trial.user_attrs[KEY]: trial for trial in self.study.counted()}
        return [(cell, failure(latest[cell.key])) for cell in cells if cell.key in latest and not latest[cell.key].values]

    def running(self) -> list[str]:
        """The titles of the runs that are under way."""
        from optuna.trial import TrialState

        return [cell_of(trial).title for trial in self.study.trials() if trial.state == TrialState.RUNNING]

    def remember(self, cells: Sequence[Cell]) -> None:
        """Which runs the cells of experiments are.

        What earlier commands asked for stays: other data sets, and other seeds of the same cell, unless code, data or options were others.
        """
        with self.study.locked():
            for experiment in dict.fromkeys(cell.experiment for cell in cells):
                new = [cell for cell in cells if cell.experiment == experiment]
                datasets, current = {cell.dataset for cell in new}, {_identity(cell) for cell in new}
                kept = [cell for cell in self.asked_for(experiment) if cell.dataset not in datasets or _identity(cell) in current]
                together = {(cell.point, cell.seed): asdict(cell) for cell in [*kept, *new]}
                self.study.study.set_user_attr(experiment, list(together.values()))

    def asked_for(self, experiment: str) -> list[Cell]:
        return [_cell(told) for told in self.study.study.user_attrs.get(experiment, [])]

    def table(self) -> "pd.DataFrame":
        """Every cell that has been asked for and measured, one row for each seed."""
        import pandas as pd

        results = self.results()
        cells = [cell for experiment in experiments() for cell in self.asked_for(experiment) if cell.key in results]
        rows = [{**asdict(cell), "point": json.dumps(cell.point), "result": json.dumps(results[cell.key])} for cell in cells]
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def take(self, table: "pd.DataFrame", cells: Iterable[Cell]) -> None:
        """Results with the keys of these cells, of a table of another store."""
        import optuna

        known = self.results()
        missing = {cell.key: cell for cell in cells if cell.key not in known}
        for key, text in table.drop_duplicates(KEY).set_index(KEY)[RESULT].items():
            if cell := missing.get(str(key)):
                told = {**attributes(cell), RESULT: json.loads(text)}
                state, values = optuna.trial.TrialState.COMPLETE, [told[RESULT]["best"]["ER@10"]]
                self.study.study.add_trial(optuna.create_trial(state=state, values=values, user_attrs=told))


def read_table(file: Path) -> "pd.DataFrame":
    """What `Store.table` made, of a parquet file. Raises ConfigError if it is none."""
    import pandas as pd

    try:
        return pd.read_parquet(file)[list(COLUMNS)]
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"{file}: no table of runs ({' '.join(str(error).split())})") from None


def attributes(cell: Cell) -> dict[str, Any]:
    """What a trial is told of its run."""
    return {KEY: cell.key, CELL: asdict(cell)}


def cell_of(trial: "FrozenTrial | Trial") -> Cell:
    """The run that a trial is."""
    return _cell(trial.user_attrs[CELL])


def _cell(told: Mapping[str, Any]) -> Cell:
    return Cell(**{**told, "point": tuple(told["point"])})


def _identity(cell: Cell) -> tuple[Any, ...]:
    """What all seeds of a cell have in common."""
    return cell.point, cell.setting, cell.version
