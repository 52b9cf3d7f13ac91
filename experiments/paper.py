"""The whole paper in one command: `python -m experiments.paper [only=table3,fig4] [seeds=3] [launcher=ray] [--dry-run]`.

Measures every cell of every table and figure once. Each cell is an ordinary run of `python -m fedrec.main`.
Cells that have been measured are skipped, so give the same command again after an interruption.
`python -m experiments.report` then writes the report. The options are KEY=VALUE:

  only=table3,fig5         the experiments whose names start so (conf/experiment/paper, conf/experiment/beyond); default: all
  datasets=ml100k,ml1m,amazon_music   which of the paper's data sets are measured; default: all three
  seeds=5                  measure the paper's experiments on ML-100K with seeds 0, 1, ...
  large_seeds=3            the same for ML-1M and Amazon Digital Music
  beyond_seeds=1           the same for what the paper does not have: matrix, target_items, told_interactions, told_popularity
  device=cpu               or cuda; results of one device are not taken for the other
  launcher=joblib          processes of this machine, or another launcher of Hydra: ray, submitit_slurm, submitit_local
  workers=2                number of workers; default: the cores of this machine. fig6_cost measures time, so it runs last and alone
  folder=multirun/paper    folder of the runs and, without `storage`, of the results
  storage=postgresql+psycopg://USER@HOST/DATABASE   keep the results in a database that several machines share
  known=FILE               take results with the same key from the runs.parquet of a report
  tracking=mlflow          or none; hydra.KEY=VALUE and tracking.KEY=VALUE are passed on
  --dry-run                print the plan and the time that it will take; nothing is run or stored
  --json                   with --dry-run: print every cell with its command as JSON

If FEDREC_DATA names a folder with the published splits (ml-100k, ml-1m, az), they are used; otherwise the data sets are downloaded.
Exit status: 0 everything is measured, 1 some cells failed (they are named), 2 bad input, 130 Ctrl-C, 143 SIGTERM.
"""

import sys
from collections.abc import Sequence, Set
from functools import partial
from pathlib import Path

from rich.console import Console

from experiments.options import STORE, Options, parse
from experiments.planned_cells import experiments, in_order, plan, published_splits
from experiments.recording import Record
from fedrec.campaigns.campaign_command import conducted, make_planner, measure_missing
from fedrec.campaigns.cells import Cell, Planner
from fedrec.campaigns.estimates import Estimates
from fedrec.campaigns.plans import plan_as_json, show_plan
from fedrec.campaigns.store import Store, read_table
from fedrec.cli.ending import exit_after
from fedrec.sweeps.study_storage import FILE, locate
from fedrec.sweeps.worker_files import remove_worker_files

REPORTED = Path(__file__).parent / "results" / "runs.parquet"  # the runs of the committed report, which tell how long cells take
TIMED = ("paper/fig6_cost",)  # experiments whose cells are measured one at a time
SNAPSHOT_ROUNDS = (4, 8, 20, 80)  # Fig. 4


def main(arguments: Sequence[str]) -> int:
    """Run the command line and return the exit status."""
    return conducted(_program, __doc__ or "", ("--dry-run", "--json"), arguments)


def _program(arguments: list[str], flags: Set[str]) -> int:
    options, passed = parse(arguments)
    return _run(options, passed, "--dry-run" in flags, "--json" in flags)


def _run(options: Options, passed: Sequence[str], dry: bool, as_json: bool) -> int:
    """Plan the cells, and measure them unless it is a dry run. Return the exit status."""
    experiments(options.only)  # raises before anything is composed
    known = read_table(Path(options.known)) if options.known else None
    folder = Path(options.folder).absolute()
    is_new = options.storage is None and not (folder / FILE).is_file()
    address = None if dry and is_new else locate(options.storage, folder, "storage")
    planner = make_planner(options, passed, folder, published_splits(), Record.__module__)
    with Console(stderr=True).status("composing every cell"):
        cells = plan(options, planner)
    runs = list({cell.key: cell for cell in reversed(cells)}.values())[::-1]  # the first experiment that shares a run has it
    store = Store(address, STORE) if address else None
    tables = [*([read_table(REPORTED)] if REPORTED.is_file() else []), *([store.table(experiments())] if store else [])]
    estimates = Estimates(tables)
    measured = {*(store.results() if store else ()), *(known["key"] if known is not None else ())}
    missing = in_order([cell for cell in runs if cell.key not in measured], estimates)
    if dry or store is None:
        print(plan_as_json(cells, missing, estimates)) if as_json else show_plan(cells, missing, estimates, options.workers)
        return 0
    if known is not None:
        store.take(known, runs)
    store.remember(cells)
    _measure(planner, store, cells, missing, estimates, options.workers)
    failures = store.failures(runs)
    for cell, reason in failures:
        print(f"failed: {cell.title}: {reason}", file=sys.stderr)
    print(f"{len(runs) - len(failures)} of {len(runs)} runs are measured: {len(cells)} cells; python -m experiments.report shows them")
    if not failures:
        remove_worker_files(folder, store.study.address)
    return 1 if failures else 0


def _measure(planner: Planner, store: Store, cells: Sequence[Cell], missing: Sequence[Cell], estimates: Estimates, workers: int) -> None:
    """Measure what is missing, cells that failed before included; what is timed comes last, one run at a time."""
    timed = [cell for cell in missing if cell.experiment in TIMED]
    for some, at_once in (([cell for cell in missing if cell not in timed], workers), (timed, 1)):
        measure_missing(planner, store, cells, some, estimates, at_once, partial(Record, SNAPSHOT_ROUNDS))


if __name__ == "__main__":
    exit_after(partial(main, sys.argv[1:]))
