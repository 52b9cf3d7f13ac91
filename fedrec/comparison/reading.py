"""Runs from folders and from MLflow as one table, a row a run."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fedrec.comparison.doubts import shortened
from fedrec.comparison.mlflow_experiments import read_experiment
from fedrec.comparison.run_folders import SUMMARY, read_folder, run_folders
from fedrec.comparison.run_rows import FINISHED, LABELS, SEED, Row, identity, in_order
from fedrec.config.validation import ConfigError

if TYPE_CHECKING:
    import pandas as pd

NOTES = "notes"  # attribute of the table: what was left out, a sentence each
MLFLOW = "mlflow:"  # before the name of an experiment that is also that of a folder
Sources = str | Path | Iterable[str | Path]

log = logging.getLogger(__name__)


def read_runs(sources: Sources, uri: str | None = None, unfinished: bool = False, since: float = 0.0) -> "pd.DataFrame":
    """Return a table with a row for each run, and log a warning for everything that is left out.

    `sources` are folders (of a run, of a sweep, or above them) and names of experiments in MLflow, whose store is `uri`, or
    $MLFLOW_TRACKING_URI, or mlflow.db in the current folder. Columns: `attack`, `defense`, `model`, `dataset`, `seed`; all other options
    that can change a result, NaN where a run has no such option; what was reported, `best/ER@10` for instance, shares in [0, 1]; and
    `seconds`, `status`, `folder`, `run_id`, `data_checksum`, `code`, `ended` (seconds since 1970). With `unfinished` runs count, too, that
    failed, were killed or pruned. Of a run that was repeated the latest counts. In folders only runs count that ended after `since`, in
    seconds since 1970. Raises ConfigError in one line if a source has no run.
    """
    table = collect(sources, uri, unfinished, since)
    for note in table.attrs[NOTES]:
        log.warning(note)
    return table


def collect(sources: Sources, uri: str | None = None, unfinished: bool = False, since: float = 0.0) -> "pd.DataFrame":
    """Return what `read_runs` returns, with its warnings as `attrs["notes"]` only; of folders, runs that ended after `since`."""
    import pandas as pd

    rows: list[Row] = []
    notes: list[str] = []
    for source in [sources] if isinstance(sources, str | Path) else sources:
        rows += _from_source(source, uri, since, notes)
    rows = list(_each_once(rows, notes))
    kept = [one for one in rows if unfinished or one["status"] == FINISHED]
    if left := [one for one in rows if not unfinished and one["status"] != FINISHED]:
        notes.append(_left_out(left))
    latest = _with_one_label(_latest(kept, notes))
    table = pd.DataFrame(latest, columns=in_order(rows))
    table.attrs[NOTES] = notes
    return table


def _from_source(source: str | Path, uri: str | None, since: float, notes: list[str]) -> list[Row]:
    folder = Path(source)
    if folder.name == SUMMARY and folder.is_file():
        folder = folder.parent
    if not str(source).startswith(MLFLOW) and folder.is_dir():
        return _from_folder(folder, since, notes)
    try:
        rows = read_experiment(str(source).removeprefix(MLFLOW), uri)
    except ValueError as error:
        raise ConfigError(f"{source}: there is no such folder, and {error}") from None
    if not rows:
        raise ConfigError(f"{source}: the experiment has no run of fedrec")
    return rows


def _from_folder(folder: Path, since: float, notes: list[str]) -> list[Row]:
    rows, (found, without) = [], run_folders(folder, since)
    for one in found:
        try:
            rows.append(read_folder(one))
        except ValueError as error:
            notes.append(f"A run is left out: {error}.")
    if without:
        runs = "1 run has" if len(without) == 1 else f"{len(without)} runs have"
        notes.append(f"{runs} left no summary.json and cannot be counted: {shortened(without)}.")
    if not rows:
        reason = notes[-1] if found or without else f"No {SUMMARY} lies there or below."
        raise ConfigError(f"{folder}: no run was found. {reason}")
    return rows


def _each_once(rows: Sequence[Row], notes: list[str]) -> Iterator[Row]:
    """Yield every run once, though several sources may hold it: a run in MLflow has left a folder, too.

    A run that was interrupted and went on has left a folder for each part. The one that finished counts.
    """
    seen: set[str] = set()
    chosen = set()
    for place in sorted(range(len(rows)), key=lambda place: (rows[place]["status"] != FINISHED, not rows[place]["folder"])):
        one = rows[place]
        names = {str(Path(one["folder"]).resolve()) if one["folder"] else "", one["run_id"]} - {""}
        if not names & seen:
            chosen.add(place)
        seen |= names
    yield from (row for place, row in enumerate(rows) if place in chosen)


def _left_out(rows: Sequence[Row]) -> str:
    states = ", ".join(f"{count} {status}" for status, count in Counter(one["status"] for one in rows).items())
    runs = "1 run is" if len(rows) == 1 else f"{len(rows)} runs are"
    return f"{runs} left out ({states}): {shortened([one['folder'] or one['run_id'] for one in rows])}."


def _latest(rows: Sequence[Row], notes: list[str]) -> list[Row]:
    """Return the latest of the runs that have the same options and seed."""
    latest: dict[object, Row] = {}
    for one in rows:
        key = identity(one)
        if key not in latest or one["ended"] >= latest[key]["ended"]:
            latest[key] = one
    if repeated := len(rows) - len(latest):
        kept = {id(one) for one in latest.values()}
        dropped = [one["folder"] or one["run_id"] for one in rows if id(one) not in kept]
        runs = "1 run has" if repeated == 1 else f"{repeated} runs have"
        notes.append(f"{runs} the same options and seed as a later one, which counts: {shortened(dropped)}.")
    return list(latest.values())


def _with_one_label(rows: Sequence[Row]) -> list[Row]:
    """Return the runs with the labels of the first one with the same options: a label names what the options say, so it splits no seeds."""
    first: dict[object, Row] = {}
    firsts = [first.setdefault(identity({**one, SEED: None}), one) for one in rows]
    return [one | {name: own.get(name) for name in LABELS if name in {*one, *own}} for one, own in zip(rows, firsts, strict=True)]
