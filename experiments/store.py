"""Where results are kept: a study whose trials are runs, and which cells of which experiment they stand for."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.cells import Cell, experiments
from fedrec.options import ConfigError
from fedrec.sweeps.shared_study import SharedStudy, failure
from fedrec.sweeps.study_storage import locate, open_storage

if TYPE_CHECKING:
    import pandas as pd
    from optuna.trial import FrozenTrial

KEY, SETTING, TITLE, OVERRIDES, EXPERIMENT, RESULT = "key", "setting", "title", "overrides", "experiment", "result"  # user attributes
COLUMNS = ("experiment", "choices", "dataset", "seed", "key", "setting", "version", "title", "overrides", "result")  # of `Store.table`

Result = Mapping[str, Any]  # what `Record` keeps of a run


@dataclass(frozen=True)
class Address:
    """Of a store; processes on other machines may have it."""

    url: str

    @classmethod
    def of(cls, storage: str | None, folder: Path) -> "Address":
        """A database, or, without one, an SQLite file in the folder. Raises ConfigError."""
        return cls(locate(storage, folder))

    def open(self) -> "Store":
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

        return [trial.user_attrs.get(TITLE, "") for trial in self.study.trials() if trial.state == TrialState.RUNNING]

    def remember(self, cells: Sequence[Cell]) -> None:
        """Which runs the cells of experiments are. Seeds of earlier commands stay, unless code, data or options were others then."""
        for experiment in dict.fromkeys(cell.experiment for cell in cells):
            new = {_place(entry): entry for entry in (_entry(cell) for cell in cells if cell.experiment == experiment)}
            current = {_identity(entry) for entry in new.values()}
            old = {_place(entry): entry for entry in self.entries(experiment) if _identity(entry) in current}
            self.study.study.set_user_attr(experiment, list((old | new).values()))

    def entries(self, experiment: str) -> list[Mapping[str, Any]]:
        """Choices, dataset, seed and key of the cells that have been asked for."""
        found: list[Mapping[str, Any]] = self.study.study.user_attrs.get(experiment, [])
        return found

    def table(self) -> "pd.DataFrame":
        """Every cell that has been asked for and measured, one row for each seed; choices, overrides and result as JSON."""
        import pandas as pd

        told = {trial.user_attrs[KEY]: trial.user_attrs for trial in self._measured()}
        rows = []
        for experiment in experiments():
            for entry in self.entries(experiment):
                if run := told.get(entry["key"]):
                    texts = {name: json.dumps(value) for name, value in (("choices", entry["choices"]), ("result", run[RESULT]))}
                    rows.append({**entry, "experiment": experiment, TITLE: run[TITLE], OVERRIDES: json.dumps(run[OVERRIDES]), **texts})
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def take(self, table: "pd.DataFrame", cells: Iterable[Cell]) -> None:
        """Results with the keys of these cells, of a table of another store."""
        import optuna

        missing = {cell.key: cell for cell in cells if cell.key not in self.results()}
        for key, result in table.drop_duplicates(KEY).set_index(KEY)[RESULT].items():
            if cell := missing.get(str(key)):
                told = {**attributes(cell), RESULT: json.loads(result)}
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
    """What the store says of a run before it has a result."""
    return {KEY: cell.key, SETTING: cell.setting, TITLE: cell.title, OVERRIDES: list(cell.overrides), EXPERIMENT: cell.experiment}


def _entry(cell: Cell) -> dict[str, Any]:
    names = ("choices", "dataset", "seed", "setting", "version", "key")
    return {name: getattr(cell, name) for name in names}


def _place(entry: Mapping[str, Any]) -> str:
    return json.dumps([entry["choices"], entry["seed"]])


def _identity(entry: Mapping[str, Any]) -> str:
    """What all seeds of a cell have in common."""
    return json.dumps([entry["choices"], entry["setting"], entry["version"]])
