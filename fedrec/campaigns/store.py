"""Where the results of a campaign are kept: a study whose trials are runs, and the cells that the runs stand for."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fedrec.campaigns.cells import Cell
from fedrec.config.validation import ConfigError
from fedrec.sweeps.study import SharedStudy, failure
from fedrec.sweeps.study_storage import open_storage

if TYPE_CHECKING:
    import pandas as pd

CELL, KEY, RESULT = "cell", "key", "result"  # user attributes of a trial; those of the study map an experiment to its cells
COLUMNS = ("experiment", "point", "dataset", "seed", "setting", "version", "key", "result")  # of `Store.table`; point and result as JSON

Result = Mapping[str, Any]  # what a `Recorder` keeps of a run


class Store:
    """Results by key. Nothing is ever removed, since other code or data have other keys."""

    def __init__(self, url: str, name: str) -> None:
        """Open a store at an address that `study_storage.locate` returned; make it if there is none. Raises ConfigError if that fails."""
        self.study = SharedStudy(open_storage(url), name, 0)

    def __reduce__(self) -> tuple[Any, ...]:
        """Let another process open the store anew."""
        return Store, (self.study.address, self.study.study.study_name)

    def results(self) -> dict[str, Result]:
        """Return the result of every measured run; a run that ends during the reading may be missing."""
        measured = (trial.user_attrs for trial in self.study.trials() if trial.values and RESULT in trial.user_attrs)
        return {attributes[KEY]: attributes[RESULT] for attributes in measured}

    def failures(self, cells: Iterable[Cell]) -> list[tuple[Cell, str]]:
        """Return the cells whose latest run has failed, each with the reason."""
        latest = {trial.user_attrs[KEY]: trial for trial in self.study.counted()}
        return [(cell, failure(latest[cell.key])) for cell in cells if cell.key in latest and not latest[cell.key].values]

    def running(self) -> list[str]:
        """Return the titles of the runs that are under way."""
        from optuna.trial import TrialState

        return [cell_of(trial.user_attrs[CELL]).title for trial in self.study.trials() if trial.state == TrialState.RUNNING]

    def remember(self, cells: Sequence[Cell]) -> None:
        """Store which runs the cells are. Earlier cells of other data sets stay, and other seeds of the same setting and code."""
        with self.study.locked():
            for experiment in dict.fromkeys(cell.experiment for cell in cells):
                new = [cell for cell in cells if cell.experiment == experiment]
                datasets, current = {cell.dataset for cell in new}, {(cell.point, cell.setting, cell.version) for cell in new}
                before = self.asked_for(experiment)
                kept = [one for one in before if one.dataset not in datasets or (one.point, one.setting, one.version) in current]
                together = {(cell.point, cell.seed): asdict(cell) for cell in [*kept, *new]}
                self.study.study.set_user_attr(experiment, list(together.values()))

    def asked_for(self, experiment: str) -> list[Cell]:
        """Return the cells of an experiment that a command has asked for."""
        return [cell_of(told) for told in self.study.study.user_attrs.get(experiment, [])]

    def table(self, experiments: Iterable[str]) -> "pd.DataFrame":
        """Return the cells of the experiments that were asked for and measured, one row a seed, with `COLUMNS`."""
        results = self.results()
        return table_of((cell for experiment in experiments for cell in self.asked_for(experiment) if cell.key in results), results)

    def take(self, table: "pd.DataFrame", cells: Iterable[Cell]) -> None:
        """Copy the results of these cells from the table of another store."""
        import optuna

        known = self.results()
        missing = {cell.key: cell for cell in cells if cell.key not in known}
        for key, text in table.drop_duplicates(KEY).set_index(KEY)[RESULT].items():
            if cell := missing.get(str(key)):
                told = {**attributes(cell), RESULT: json.loads(text)}
                state, values = optuna.trial.TrialState.COMPLETE, [value_of(told[RESULT])]
                self.study.study.add_trial(optuna.create_trial(state=state, values=values, user_attrs=told))


def table_of(cells: Iterable[Cell], results: Mapping[str, Result]) -> "pd.DataFrame":
    """Return cells with their results, one row each, with `COLUMNS`."""
    import pandas as pd

    rows = [{**asdict(cell), "point": json.dumps(cell.point), "result": json.dumps(results[cell.key])} for cell in cells]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def value_of(result: Result) -> float:
    """Return the number by which Optuna knows a run: ER@10 at the best epoch, HR@10 if no item was promoted, 0 without an evaluation."""
    best = result.get("best") or {}
    return float(best.get("ER@10", best.get("HR@10", 0.0)))


def read_table(file: Path) -> "pd.DataFrame":
    """Read a parquet file that holds what `Store.table` made. Raises ConfigError if it does not."""
    import pandas as pd

    try:
        return pd.read_parquet(file)[list(COLUMNS)]
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"{file}: no table of runs ({' '.join(str(error).split())})") from None


def attributes(cell: Cell) -> dict[str, Any]:
    """Return the attributes by which a trial knows its run, as the storage returns them: equal ones are queued once."""
    return {KEY: cell.key, CELL: {**asdict(cell), "point": list(cell.point)}}


def cell_of(told: Mapping[str, Any]) -> Cell:
    """Return the cell that a study has stored as JSON."""
    return Cell(**{**told, "point": tuple(told["point"])})
