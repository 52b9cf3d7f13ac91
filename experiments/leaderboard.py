"""The leaderboard in one command: `python -m experiments.leaderboard [parts=ml100k] [--dry-run]`.

Measures every attack of conf/attack against every defense of conf/defense, each once, and writes the standings as pages.
What has been measured is skipped, so give the same command again after an interruption. The options are KEY=VALUE:

  parts=ml100k,shares,combinations,large   what is measured, in this order; default: all
      ml100k         every attack x every defense x MF-FRS, DL-FRS and Fed-LightGCN
      shares         every attack at 0.1, 0.5, 1 and 5 % malicious clients, without a defense and with `ours`
      combinations   combinations of defenses, each until an attack breaks it
      large          the attacks that are strongest on ML-100K x every defense on FilmTrust, Steam and ML-1M
  attacks=pipa,mine        only these attacks, and none; default: all
  defenses=krum,[ours,krum]   only these defenses, and none; default: all, and some combinations
  models=mf,ncf            only these models; default: all three that conf/model has
  seeds=3                  measure on ML-100K with seeds 0, 1, ...
  large_seeds=1            the same on the other data sets
  large_datasets=filmtrust,steam   only these of the other data sets; default: all
  strongest=10             how many attacks run on the other data sets
  merge=FILE               first take the rows of the runs.parquet of another leaderboard
  to=FOLDER                where the pages are written; default: the folder of the runs
  device=cpu               or cuda; results of one device are not taken for the other
  launcher=joblib          processes of this machine, or another launcher of Hydra: ray, submitit_slurm, submitit_local
  workers=2                number of workers; default: the cores of this machine
  folder=multirun/leaderboard   folder of the runs and, without `storage`, of the results
  storage=postgresql+psycopg://USER@HOST/DATABASE   keep the results in a database that several machines share
  tracking=none            or mlflow; hydra.KEY=VALUE and tracking.KEY=VALUE are passed on
  --config-dir FOLDER      a folder with attacks and defenses of your own, as for fedrec.main
  --pages                  write the pages of what has been measured; nothing is run
  --dry-run                print the plan and the time that it will take; nothing is run or stored
  --json                   with --dry-run: print every cell with its command as JSON

If FEDREC_DATA names a folder with the published splits (ml-100k, ml-1m, steam), they are used; otherwise the data sets are downloaded.
Exit status: 0 everything is measured, 1 some cells failed (they are named), 2 bad input, 130 Ctrl-C, 143 SIGTERM.
"""

import sys
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from experiments.leaderboards.board_options import FLAGS, parse_board
from experiments.leaderboards.board_record import BoardRecord
from experiments.leaderboards.boards import Run, boards
from experiments.leaderboards.combining import Race
from experiments.leaderboards.field import NONE, Field
from experiments.leaderboards.merging import current, merge, read_rows, remember
from experiments.leaderboards.standings import strongest
from experiments.leaderboards.wanted_cells import EXPERIMENTS, Wanted
from experiments.leaderboards.written import write
from experiments.planned_cells import SPLITS, published_splits
from fedrec.campaigns.campaign_command import conducted, make_planner, measure_missing
from fedrec.campaigns.cells import Cell
from fedrec.campaigns.estimates import Estimates
from fedrec.campaigns.plans import plan_as_json, show_plan
from fedrec.campaigns.store import Store, read_table, table_of
from fedrec.cli.ending import exit_after
from fedrec.config.validation import ConfigError
from fedrec.sweeps.study_storage import FILE, locate
from fedrec.sweeps.worker_files import remove_worker_files

REPORTED = Path(__file__).parent / "results" / "leaderboard" / "runs.parquet"  # tells how long cells take
STORE = "leaderboard"  # the name of the store in which results are kept
FOLDERS = {**SPLITS, "steam": "steam"}  # data sets -> the folders of FEDREC_DATA


def main(arguments: Sequence[str]) -> int:
    """Run the command line and return the exit status."""
    return conducted(_program, __doc__ or "", FLAGS, arguments)


def _program(arguments: list[str], flags: Set[str]) -> int:
    options, passed, own = parse_board(arguments)
    rows = read_rows(Path(options.merge)) if options.merge else []
    folder = Path(options.folder).absolute()
    planner = make_planner(options, passed, folder, published_splits(FOLDERS), BoardRecord.__module__)
    wanted = Wanted(planner, options, Field.of(own, options.attacks, options.defenses, options.models))
    dry, is_new = "--dry-run" in flags, options.storage is None and not (folder / FILE).is_file()
    store = None if is_new and (dry or ("--pages" in flags and not rows)) else Store(locate(options.storage, folder, "storage"), STORE)
    campaign = Campaign(wanted, store, dry)
    if dry:
        campaign.show("--json" in flags)
        return 0
    if store is None:
        raise ConfigError(f"folder={options.folder}: nothing has been measured there; run the command without --pages, or give merge=FILE")
    if rows:
        print(merge(store, wanted, rows))
    failures = [] if "--pages" in flags else campaign.measure()
    print(write(current(store, wanted), Path(options.to or folder)))
    for cell, reason in failures:
        print(f"failed: {cell.title}: {reason}", file=sys.stderr)
    if not failures:
        remove_worker_files(folder, store.study.address)
    return 1 if failures else 0


@dataclass
class Campaign:
    """What the command wants, what has been measured, and what could not be."""

    wanted: Wanted
    store: Store | None
    is_dry: bool
    failed: dict[str, tuple[Cell, str]] = field(default_factory=dict, init=False)  # key -> cell and reason

    def measure(self) -> list[tuple[Cell, str]]:
        """Measure part by part, as far as what has been measured tells what to measure next. Return the cells that failed."""
        assert self.store is not None
        for part in self.wanted.options.parts:
            while True:
                cells = self.cells(part)
                remember(self.store, cells)
                known = self.store.results()
                runs = list({cell.key: cell for cell in cells if cell.key not in known and cell.key not in self.failed}.values())
                if not runs:
                    break
                estimates = self._estimates()
                ordered = sorted(runs, key=lambda cell: (cell.seed, -estimates.seconds(cell)))  # seed by seed, dear runs first
                planner, workers = self.wanted.planner, self.wanted.options.workers
                measure_missing(planner, self.store, cells, ordered, estimates, workers, BoardRecord)
                self.failed |= {cell.key: (cell, reason) for cell, reason in self.store.failures(runs)}
        return list(self.failed.values())

    def cells(self, part: str) -> list[Cell]:
        """Return the cells of a part, measured or not, as far as one can tell them today. Raises ConfigError if it is too early."""
        results = self.store.results() if self.store else {}
        match part:
            case "combinations":
                return Race(self.wanted, self._strongest(results, part, None), lambda cell: results.get(cell.key)).cells()
            case "large":
                if not self.is_dry and any(cell.key not in {*results, *self.failed} for cell in self.wanted.comparable(part)):
                    raise ConfigError("parts=large: which attacks are strongest is not known before parts=ml100k has been measured")
                return self.wanted.large(self._strongest(results, part, self.wanted.options.strongest))
            case _:
                return self.wanted.ml100k() if part == "ml100k" else self.wanted.shares()

    def show(self, as_json: bool) -> None:
        """Print the plan. Of what depends on results it shows what is known."""
        known = self.store.results() if self.store else {}
        cells = [cell for part in self.wanted.options.parts for cell in self.cells(part)]
        missing = list({cell.key: cell for cell in reversed(cells) if cell.key not in known}.values())[::-1]
        estimates = self._estimates()
        if as_json:
            print(plan_as_json(cells, missing, estimates))
            return
        show_plan(cells, missing, estimates, self.wanted.options.workers)
        if {"combinations", "large"} & {*self.wanted.options.parts}:
            print("Which attacks run on the other data sets, and which combinations against the next attack, depends on what is measured.")

    def _strongest(self, results: "dict[str, Run]", part: str, number: int | None) -> list[str]:
        """Return the attacks that are strongest on ML-100K with the model of a part, and as long as that is unknown by name."""
        cells = [cell for cell in self.wanted.comparable(part) if cell.key in results]
        found = strongest(boards(table_of(cells, results), EXPERIMENTS["ml100k"]), None) if cells else []
        named = [one for one in self.wanted.field.attacks if one != NONE]
        return [*(one for one in found if one in named), *(one for one in named if one not in found)][:number]

    def _estimates(self) -> Estimates:
        names = [name for names in EXPERIMENTS.values() for name in names]
        tables = [*([read_table(REPORTED)] if REPORTED.is_file() else []), *([self.store.table(names)] if self.store else [])]
        return Estimates(tables)


if __name__ == "__main__":
    exit_after(partial(main, sys.argv[1:]))
