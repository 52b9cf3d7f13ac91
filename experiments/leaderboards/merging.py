"""Rows that somebody else has measured: which of them are taken, and which rows of the store stand side by side today."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.leaderboards.wanted_cells import EXPERIMENTS, Wanted, rest_of
from fedrec.campaigns.cells import Cell
from fedrec.campaigns.store import Result, Store, cell_of, read_table, table_of
from fedrec.config.validation import ConfigError

if TYPE_CHECKING:
    import pandas as pd

_NAMES = [name for names in EXPERIMENTS.values() for name in names]
_OWN = ("torch", "machine", "seconds")  # what a result says of the machine, which may differ


def read_rows(file: Path) -> list[tuple[Cell, Result]]:
    """Return the rows of the runs.parquet of a leaderboard. Raises ConfigError if it is none."""
    found = []
    for row in read_table(file).to_dict("records"):
        try:
            result = json.loads(row.pop("result"))
            told = {str(name): value for name, value in row.items()}
            cell = cell_of({**told, "point": json.loads(row["point"]), "seed": int(row["seed"])})
            if cell.experiment not in _NAMES or not {"common", "targets", "best"} <= {*result}:
                raise ValueError(f"{cell.experiment} is no part of the leaderboard")
        except (ValueError, TypeError, KeyError) as error:
            raise ConfigError(f"merge: {file}: no table of a leaderboard ({error})") from None
        found.append((cell, result))
    return found


def merge(store: Store, wanted: Wanted, cells: Sequence[tuple[Cell, Result]]) -> str:
    """Take the rows of another leaderboard that `read_rows` returned. Return what was taken, in one line.

    A row whose attack and defense are here must be the run that would be measured here. A row of somebody's own must have been measured
    with the settings, the data and the code of all other rows. What is there already stays. Raises ConfigError if a row does not fit, and
    then takes none.
    """
    known, kept = store.results(), []
    there = {_place(cell): cell.key for name in _NAMES for cell in store.asked_for(name) if cell.key in known}
    taken = []
    for cell, result in cells:
        if reason := _misfit(wanted, cell, result) or (_is_own(wanted, cell) and _taken(there, cell)):
            raise ConfigError(f"merge: nothing is taken, because of {cell.title}: {reason}")
        if cell.key in known and _numbers(known[cell.key]) != _numbers(result):
            kept.append(cell.title)
        elif cell.key not in known:
            taken.append(cell)
    store.take(table_of(taken, {cell.key: result for cell, result in cells}), taken)
    remember(store, [cell for cell, _ in cells])
    told = f"; {len(kept)} had been measured here with other numbers, which stay, the first being {kept[0]}" if kept else ""
    return f"merged: {len(taken)} of {len(cells)} rows are new{told}"


def remember(store: Store, cells: Sequence[Cell]) -> None:
    """Store that cells are wanted, beside all that were: what is old is left out by `current`."""
    now = {_place(cell) for cell in cells}
    names = dict.fromkeys(cell.experiment for cell in cells)
    store.remember([*(cell for name in names for cell in store.asked_for(name) if _place(cell) not in now), *cells])


def current(store: Store, wanted: Wanted) -> "pd.DataFrame":
    """Return the measured rows that have today's settings, data and code, and so may stand side by side."""
    known = store.results()
    cells = [cell for name in _NAMES for cell in store.asked_for(name) if cell.key in known]
    return table_of([cell for cell in cells if not _difference(wanted, cell, known[cell.key])], known)


def _misfit(wanted: Wanted, cell: Cell, result: Result) -> str:
    """Return why a row does not belong to this leaderboard, or nothing."""
    rest, choices = rest_of(cell.point), _choices(cell)
    if rest not in map(rest_of, wanted.grid(cell.experiment)) or not {"attack", "defense"} <= {*choices}:
        return "it is no point of the grid"
    if difference := _difference(wanted, cell, result):
        return difference
    if _is_own(wanted, cell):
        return ""
    (here,) = wanted.cells(cell.experiment, rest, choices["attack"], choices["defense"], [cell.seed])
    return "" if here.key == cell.key else f"{'options' if here.setting != cell.setting else 'code'} of attack or defense are others here"


def _difference(wanted: Wanted, cell: Cell, result: Result) -> str:
    """Return what differs from the settings, the data or the code that all rows have in common today, or nothing."""
    now = wanted.common(cell)
    other = [name for name, value in now.items() if result["common"].get(name) != value]
    return f"it was measured with other {' and '.join(other)}" if other else ""


def _is_own(wanted: Wanted, cell: Cell) -> bool:
    """Return whether a row is of an attack or a defense that is not here."""
    return not wanted.field.knows(_choices(cell)["attack"], _choices(cell)["defense"])


def _taken(there: Mapping[tuple[Any, ...], str], cell: Cell) -> str:
    """Return why a row of somebody's own cannot be added: there is another one of its name."""
    return "another row of this name is there already; give yours another name" if there.get(_place(cell), cell.key) != cell.key else ""


def _choices(cell: Cell) -> dict[str, str]:
    return dict(text.split("=", 1) for text in cell.point)


def _place(cell: Cell) -> tuple[Any, ...]:
    return cell.experiment, cell.dataset, cell.point, cell.seed


def _numbers(result: Result) -> dict[str, Any]:
    return {name: value for name, value in result.items() if name not in _OWN}
