"""The whole paper in one command: `python -m experiments.paper [only=table3,fig4] [seeds=3] [launcher=ray] [--dry-run]`.

Measures every cell of every table and figure once, each an ordinary run of `python -m fedrec.main`, and skips what is measured already.
Interrupted? Give the same command again. `python -m experiments.report` makes the report. Options, KEY=VALUE:

  only=table3,fig5         experiments whose name starts so (conf/experiment/paper, conf/experiment/beyond); default: all of them
  datasets=ml100k,ml1m,amazon_music   of which data sets; default: all three
  seeds=3                  seeds 0, 1, ... of the paper's experiments on ML-100K
  large_seeds=1            the same on ML-1M and Amazon Digital Music
  beyond_seeds=1           the same of the experiments beyond the paper: matrix, target_items
  launcher=joblib          processes of this machine, or ray, submitit_slurm, submitit_local: Hydra's launchers
  workers=2                how many; default: cores of this machine
  folder=multirun/paper    where runs go and, unless `storage` says otherwise, results
  storage=postgresql+psycopg://USER@HOST/DATABASE   results in a database that several machines share
  known=FILE               take results with the same key from a report's runs.parquet
  tracking=mlflow          or none; hydra.KEY=VALUE and tracking.KEY=VALUE are passed on
  --dry-run                print the plan and how long it will take, run nothing
  --json                   with --dry-run: every cell with its command, as JSON

The data sets are taken from FEDREC_DATA (ml-100k, ml-1m, az: the published splits) if that is set, else downloaded.
Exit status: 0 all measured, 1 some cells failed (they are named), 2 bad input, 130 interrupted.
"""

import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import hydra
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.types import HydraContext, RunMode
from pydantic import Field
from rich.console import Console
from rich.table import Table

from experiments.cells import Cell, Planner, experiments
from experiments.estimates import Estimates
from experiments.measuring import Measurer
from experiments.progress import shown
from experiments.store import KEY, Address, Store, attributes, read_table
from fedrec.composition import FOLDER
from fedrec.options import ConfigError, convert, unknown
from fedrec.sweeps.launching import settle_launcher, work

DATASETS = ("ml100k", "ml1m", "amazon_music")
Count = Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class Options:
    """The command line."""

    only: list[str]
    datasets: list[Literal["ml100k", "ml1m", "amazon_music"]]
    seeds: Count
    large_seeds: Count
    beyond_seeds: Count
    launcher: Annotated[str, Field(min_length=1)]
    workers: Count
    folder: Annotated[str, Field(min_length=1)]
    storage: str | None
    known: str | None
    tracking: Literal["mlflow", "none"]


DEFAULTS: Mapping[str, Any] = {
    "only": [],
    "datasets": list(DATASETS),
    "seeds": 3,
    "large_seeds": 1,
    "beyond_seeds": 1,
    "launcher": "joblib",
    "workers": os.cpu_count() or 1,
    "folder": "multirun/paper",
    "storage": None,
    "known": None,
    "tracking": "mlflow",
}


def parse(arguments: Sequence[str]) -> tuple[Options, list[str]]:
    """The options, and what is passed on to Hydra. Raises ConfigError."""
    values, passed = dict(DEFAULTS), []
    for argument in arguments:
        name, equals, text = argument.partition("=")
        if not equals or argument.startswith("-"):
            raise ConfigError(f"{argument}: expected KEY=VALUE, --dry-run, --json or --help")
        if name.startswith(("hydra.", "hydra/", "tracking.")):
            passed.append(argument)
        elif name not in values:
            raise unknown(name, values)
        elif isinstance(DEFAULTS[name], list):
            values[name] = [part for part in text.split(",") if part]
        else:
            values[name] = int(text) if text.isdigit() else None if text == "null" else text
    checked = {one.name: convert(one.name, values[one.name], one.type) for one in fields(Options)}
    return Options(**checked), passed


def plan(options: Options, planner: Planner) -> list[Cell]:
    """Every cell that is wanted, experiment by experiment. Raises ConfigError."""
    cells = []
    for name in experiments(options.only):
        few = options.beyond_seeds if name.startswith("beyond/") else options.seeds
        seeds = {dataset: range(few if dataset == "ml100k" else options.large_seeds) for dataset in DATASETS}
        cells += planner.cells(name, seeds, options.datasets)
    return cells


def main(arguments: Sequence[str]) -> int:
    """Exit status."""
    flags = {flag for flag in ("--dry-run", "--json", "--help", "-h") if flag in arguments}
    if flags & {"--help", "-h"}:
        print(__doc__)
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        options, passed = parse([argument for argument in arguments if argument not in flags])
        with hydra.initialize_config_dir(str(FOLDER), version_base="1.3"):
            return _run(options, passed, "--dry-run" in flags, "--json" in flags)
    except KeyboardInterrupt:
        print("interrupted: the same command goes on", file=sys.stderr)
        return 128 + signal.SIGINT
    except Exception as error:
        from fedrec.errors import explain

        if (line := explain(error)) is None:
            raise
        print(f"error: {line}", file=sys.stderr)
        return 2


def _run(options: Options, passed: Sequence[str], dry: bool, as_json: bool) -> int:
    loader = GlobalHydra.instance().config_loader()
    folder = Path(options.folder).absolute()
    launcher = [] if options.launcher == "joblib" else [f"hydra/launcher={options.launcher}"]
    settings = [
        "hydra/sweeper=fedrec_optuna",
        "hydra/hydra_logging=none",
        f"hydra.sweep.dir={folder}",
        f"hydra.sweeper.n_jobs={options.workers}",
    ]
    arguments = [f"tracking={options.tracking}", *(text for text in passed if not text.startswith("hydra"))]
    config = loader.load_configuration("config", [*settings, *launcher, *passed, *arguments], RunMode.MULTIRUN)
    context = HydraContext(config_loader=loader, callbacks=Callbacks())
    with Console(stderr=True).status("composing every cell"):
        cells = plan(options, Planner(context, config))
    address = Address.of(options.storage, folder)
    store = address.open()
    runs = list({cell.key: cell for cell in reversed(cells)}.values())[::-1]  # a run of several experiments belongs to the first
    if options.known:
        store.take(read_table(Path(options.known)), runs)
    estimates = Estimates.of(store)
    results = store.results()
    missing = sorted((cell for cell in runs if cell.key not in results), key=lambda cell: (_stage(cell), -estimates.seconds(cell)))
    if dry:
        _show_plan(cells, missing, estimates, options.workers, as_json)
        return 0
    store.remember(cells)
    store.study.queue([attributes(cell) for cell, _ in store.failures(missing)], again=True)
    if missing:
        settle_launcher(config)
        measurer = Measurer(context, config, arguments, address, missing, os.getpid())
        with shown(store, missing, estimates, options.workers):
            work(measurer, context, config, [], lambda: _is_complete(store, missing), lambda: len(store.study.counted()))
    failures = store.failures(runs)
    for cell, reason in failures:
        print(f"failed: {cell.title}: {reason}", file=sys.stderr)
    print(f"{len(runs) - len(failures)} of {len(runs)} runs are measured: {len(cells)} cells; python -m experiments.report shows them")
    return 1 if failures else 0


def _is_complete(store: Store, cells: Sequence[Cell]) -> bool:
    tried = {trial.user_attrs[KEY] for trial in store.study.counted()}
    return all(cell.key in tried for cell in cells)


def _stage(cell: Cell) -> tuple[bool, int]:
    """The paper before what goes beyond it, small data sets before large ones."""
    return cell.experiment.startswith("beyond/"), DATASETS.index(cell.dataset)


def _show_plan(cells: Sequence[Cell], missing: Sequence[Cell], estimates: Estimates, workers: int, as_json: bool) -> None:
    open_keys = {cell.key for cell in missing}
    if as_json:
        described = [{**asdict(cell), "measured": cell.key not in open_keys, "seconds": estimates.seconds(cell)} for cell in cells]
        print(json.dumps(described, indent=2))
        return
    table = Table("experiment", "cells", "runs to measure", "time", title=f"on {workers} workers")
    shown_already: set[str] = set()
    for experiment in dict.fromkeys(cell.experiment for cell in cells):
        own = [cell for cell in cells if cell.experiment == experiment]
        new = [cell for cell in missing if cell.key in {one.key for one in own} - shown_already]
        shown_already |= {cell.key for cell in new}
        table.add_row(experiment, str(len(own)), str(len(new)), _duration(estimates.total(new, workers)))
    table.add_section()
    table.add_row("all", str(len(cells)), str(len(missing)), _duration(estimates.total(missing, workers)))
    Console().print(table)
    print("Runs that experiments have in common count for the first. Times: as on the report's machine; guesses where it has none.")


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
