"""The whole paper in one command: `python -m experiments.paper [only=table3,fig4] [seeds=3] [launcher=ray] [--dry-run]`.

Measures every cell of every table and figure once, each an ordinary run of `python -m fedrec.main`, and skips what is measured already.
Interrupted? Give the same command again. `python -m experiments.report` makes the report. Options, KEY=VALUE:

  only=table3,fig5         experiments whose name starts so (conf/experiment/paper, conf/experiment/beyond); default: all of them
  datasets=ml100k,ml1m,amazon_music   of which of the paper's data sets; default: all three
  seeds=3                  seeds 0, 1, ... of the paper's experiments on ML-100K
  large_seeds=1            the same on ML-1M and Amazon Digital Music
  beyond_seeds=1           the same of what goes beyond the paper: matrix, target_items, told_interactions, told_popularity
  device=cpu               or cuda; a result belongs to its device
  launcher=joblib          processes of this machine, or ray, submitit_slurm, submitit_local: Hydra's launchers
  workers=2                how many; default: cores of this machine. What is timed (fig6_cost) is measured last, by one alone
  folder=multirun/paper    where runs go and, unless `storage` says otherwise, results
  storage=postgresql+psycopg://USER@HOST/DATABASE   results in a database that several machines share
  known=FILE               take results with the same key from a report's runs.parquet
  tracking=mlflow          or none; hydra.KEY=VALUE and tracking.KEY=VALUE are passed on
  --dry-run                print the plan and how long it will take; nothing is run or stored
  --json                   with --dry-run: every cell with its command, as JSON

The data sets are taken from FEDREC_DATA (ml-100k, ml-1m, az: the published splits) if that is set, else downloaded.
Exit status: 0 all measured, 1 some cells failed (they are named), 2 bad input, 130 Ctrl-C, 143 SIGTERM.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, Literal

import hydra
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.types import HydraContext, RunMode
from omegaconf import OmegaConf
from pydantic import Field
from rich.console import Console
from rich.table import Table

from fedrec.campaigns.cells import PUBLISHED, Cell, Planner, experiments
from fedrec.campaigns.estimates import Estimates
from fedrec.campaigns.measuring import Measurer
from fedrec.campaigns.progress import shown
from fedrec.campaigns.store import KEY, Address, Store, attributes, read_table
from fedrec.config.compose import FOLDER
from fedrec.config.validation import ConfigError, convert, unknown
from fedrec.sweeps import study_storage
from fedrec.sweeps.launching import settle_launcher, work

LARGE = ("ml1m", "amazon_music")
TIMED = ("paper/fig6_cost",)  # measured with nothing beside them
Count = Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class Options:
    """The command line."""

    only: list[str]
    datasets: list[Literal["ml100k", "ml1m", "amazon_music"]]
    seeds: Count
    large_seeds: Count
    beyond_seeds: Count
    device: Literal["cpu", "cuda"]
    launcher: Annotated[str, Field(min_length=1)]
    workers: Count
    folder: Annotated[str, Field(min_length=1)]
    storage: str | None
    known: str | None
    tracking: Literal["mlflow", "none"]


DEFAULTS: Mapping[str, Any] = {
    "only": [],
    "datasets": list(PUBLISHED),
    "seeds": 3,
    "large_seeds": 1,
    "beyond_seeds": 1,
    "device": "cpu",
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
            number = isinstance(DEFAULTS[name], int) and text.isdigit()
            values[name] = int(text) if number else None if text == "null" else text
    checked = {one.name: convert(one.name, values[one.name], one.type) for one in fields(Options)}
    return Options(**checked), passed


def plan(options: Options, planner: Planner) -> list[Cell]:
    """Every cell that is wanted, experiment by experiment. Raises ConfigError."""
    return [
        cell
        for name in experiments(options.only)
        for point in planner.grid(name)
        for cell in planner.cells(name, point, _seeds(options, name))
    ]


def _seeds(options: Options, experiment: str) -> Callable[[str], range]:
    """Of a data set in an experiment."""
    few = options.beyond_seeds if experiment.startswith("beyond/") else options.seeds

    def seeds(dataset: str) -> range:
        if dataset in PUBLISHED and dataset not in options.datasets:
            return range(0)
        return range(options.large_seeds if dataset in LARGE else few)

    return seeds


def main(arguments: Sequence[str]) -> int:
    """Exit status."""
    flags = {flag for flag in ("--dry-run", "--json", "--help", "-h") if flag in arguments}
    if flags & {"--help", "-h"}:
        print(__doc__)
        return 0
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        if flags == {"--json"}:
            raise ConfigError("--json: only together with --dry-run")
        options, passed = parse([argument for argument in arguments if argument not in flags])
        with hydra.initialize_config_dir(str(FOLDER), version_base="1.3"):
            return _run(options, passed, "--dry-run" in flags, "--json" in flags)
    except KeyboardInterrupt as interrupt:
        print("interrupted: the same command goes on", file=sys.stderr)
        return 128 + (interrupt.args[0] if interrupt.args else signal.SIGINT)
    except Exception as error:
        from fedrec.cli.errors import explain

        line = None if type(error) is ValueError else explain(error)  # what is wrong with the input is a ConfigError
        if line is None:
            raise
        print(f"error: {line}", file=sys.stderr)
        return 2


def _interrupt(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # schedulers repeat it
    raise KeyboardInterrupt(number)


def _run(options: Options, passed: Sequence[str], dry: bool, as_json: bool) -> int:
    experiments(options.only)  # fails early
    known = read_table(Path(options.known)) if options.known else None
    folder = Path(options.folder).absolute()
    planner = _planner(options, passed, folder)
    with Console(stderr=True).status("composing every cell"):
        cells = plan(options, planner)
    runs = list({cell.key: cell for cell in reversed(cells)}.values())[::-1]  # a run of several experiments belongs to the first
    is_new = options.storage is None and not (folder / study_storage.FILE).is_file()
    address = None if dry and is_new else Address.of(options.storage, folder)
    store = address.open() if address else None
    estimates = Estimates.of(store)
    measured = {*(store.results() if store else ()), *(known["key"] if known is not None else ())}
    missing = sorted((cell for cell in runs if cell.key not in measured), key=lambda cell: (_stage(cell), -estimates.seconds(cell)))
    if dry or address is None or store is None:
        _show_plan(cells, missing, estimates, options.workers, as_json)
        return 0
    if known is not None:
        store.take(known, runs)
    store.remember(cells)
    store.study.queue([attributes(cell) for cell, _ in store.failures(missing)], again=True)
    sharing = {cell.key: [other.experiment for other in cells if other.key == cell.key] for cell in missing}
    timed = [cell for cell in missing if cell.experiment in TIMED]
    for some, workers in (([cell for cell in missing if cell not in timed], options.workers), (timed, 1)):
        if some:
            measurer = Measurer(planner.context, planner.config, planner.arguments, address, some, sharing, os.getpid())
            with shown(store, some, estimates, workers):
                _measure(measurer, store, workers)
    failures = store.failures(runs)
    for cell, reason in failures:
        print(f"failed: {cell.title}: {reason}", file=sys.stderr)
    print(f"{len(runs) - len(failures)} of {len(runs)} runs are measured: {len(cells)} cells; python -m experiments.report shows them")
    return 1 if failures else 0


def _planner(options: Options, passed: Sequence[str], folder: Path) -> Planner:
    """With the configuration that launchers get. Raises what Hydra raises for a launcher that does not exist."""
    loader = GlobalHydra.instance().config_loader()
    arguments = [f"tracking={options.tracking}", f"device={options.device}", *(text for text in passed if not text.startswith("hydra"))]
    launcher = [] if options.launcher == "joblib" else [f"hydra/launcher={options.launcher}"]
    settings = ["hydra/sweeper=fedrec_optuna", "hydra/hydra_logging=none", f"hydra.sweep.dir={folder}", *launcher]
    config = loader.load_configuration("config", [*settings, *passed, *arguments], RunMode.MULTIRUN)
    return Planner(HydraContext(config_loader=loader, callbacks=Callbacks()), config, arguments)


def _measure(measurer: Measurer, store: Store, workers: int) -> None:
    """All cells of the measurer, or what can be measured of them."""

    def is_complete() -> bool:
        tried = {trial.user_attrs[KEY] for trial in store.study.counted()}
        return store.study.is_complete and all(cell.key in tried for cell in measurer.cells)

    OmegaConf.update(measurer.config, "hydra.sweeper.n_jobs", workers)
    settle_launcher(measurer.config)
    work(measurer, measurer.context, measurer.config, [], is_complete, lambda: len(store.study.counted()))


def _stage(cell: Cell) -> tuple[bool, int]:
    """The paper before what goes beyond it, small data sets before large ones."""
    return cell.experiment.startswith("beyond/"), cell.dataset in LARGE


def _show_plan(cells: Sequence[Cell], missing: Sequence[Cell], estimates: Estimates, workers: int, as_json: bool) -> None:
    open_keys = {cell.key for cell in missing}
    if as_json:
        facts = ((cell, {"measured": cell.key not in open_keys, "seconds": estimates.seconds(cell)}) for cell in cells)
        described = [{**asdict(cell), "overrides": cell.overrides, **more} for cell, more in facts]
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
