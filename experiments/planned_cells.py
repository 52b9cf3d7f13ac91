"""Which cells the command of the paper asks for, and in which order they are measured."""

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from experiments.options import Options
from fedrec.campaigns.cells import Cell, Planner
from fedrec.campaigns.estimates import Estimates
from fedrec.config.compose import FOLDER
from fedrec.config.validation import ConfigError

FOLDERS = ("paper", "beyond")  # of experiments, below conf/experiment
SPLITS = {"ml100k": "ml-100k", "ml1m": "ml-1m", "amazon_music": "az"}  # the paper's data sets -> the folders of FEDREC_DATA
LARGE = ("ml1m", "amazon_music")
NAMED = "attack.targets=["  # how an override begins that names items by their ids in the published split of ML-100K


def experiments(only: Sequence[str] = ()) -> list[str]:
    """Return the names of all experiments, or of those whose names start with one of `only`; the paper's come first.

    Raises ConfigError if no name starts so.
    """
    names = [f"{folder}/{path.stem}" for folder in FOLDERS for path in sorted((FOLDER / "experiment" / folder).glob("*.yaml"), key=_place)]
    for wanted in only:
        if not any(_starts(name, wanted) for name in names):
            raise ConfigError(f"only={wanted}: no such experiment; there are {', '.join(name.partition('/')[2] for name in names)}")
    return [name for name in names if not only or any(_starts(name, wanted) for wanted in only)]


def published_splits(names: Mapping[str, str] = SPLITS) -> dict[str, Path]:
    """Return the folders of the published splits that lie in FEDREC_DATA, by data set; `names` are those of the folders."""
    if not (published := os.environ.get("FEDREC_DATA")):
        return {}
    return {dataset: folder for dataset, name in names.items() if (folder := Path(published, name)).is_dir()}


def plan(options: Options, planner: Planner) -> list[Cell]:
    """Return every cell that the options ask for, experiment by experiment. Raises ConfigError if a cell cannot be run.

    Raw files give items other ids than the published split, where the same ids would name other items: such points are left out.
    """
    points = [(name, point) for name in experiments(options.only) for point in planner.grid(name)]
    named = {name: None for name, point in points if any(one.startswith(NAMED) for one in point)}
    if "ml100k" not in planner.roots and named:
        print(f"left out, since they name items as the split ml-100k does, which FEDREC_DATA lacks: {', '.join(named)}", file=sys.stderr)
        points = [(name, point) for name, point in points if name not in named]
    return [cell for name, point in points for cell in planner.cells(name, point, _seeds(options, name))]


def in_order(cells: Sequence[Cell], estimates: Estimates) -> list[Cell]:
    """Return cells in the order in which they are measured: the paper before the rest, small data sets first, long runs first."""
    return sorted(cells, key=lambda cell: (cell.experiment.startswith("beyond/"), cell.dataset in LARGE, -estimates.seconds(cell)))


def _seeds(options: Options, experiment: str) -> Callable[[str], range]:
    """Return the function that maps a data set to its seeds in an experiment."""
    few = options.beyond_seeds if experiment.startswith("beyond/") else options.seeds

    def seeds(dataset: str) -> range:
        if dataset in SPLITS and dataset not in options.datasets:
            return range(0)
        return range(options.large_seeds if dataset in LARGE else few)

    return seeds


def _starts(name: str, wanted: str) -> bool:
    """Return whether a name and its number start with `wanted`: table starts all tables, table1 does not start table11."""
    own = name.partition("/")[2]
    return own.startswith(wanted) and not (wanted[-1:].isdigit() and own[len(wanted) :][:1].isdigit())


def _place(path: Path) -> tuple[bool, int, str]:
    """Sort tables before figures, and table9 before table10."""
    number = re.search(r"\d+", path.stem)
    return not path.stem.startswith("table"), int(number[0]) if number else 0, path.stem
