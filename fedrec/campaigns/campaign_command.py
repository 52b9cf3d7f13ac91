"""What the programs that measure many runs have in common: how they end, their planner, and measuring what is missing."""

import signal
import sys
from collections.abc import Callable, Sequence, Set
from contextlib import nullcontext
from pathlib import Path
from types import FrameType

from fedrec.campaigns.campaign_options import Shared
from fedrec.campaigns.cells import Cell, Planner
from fedrec.campaigns.estimates import Estimates
from fedrec.campaigns.measuring import Measurer, Recorder, measure
from fedrec.campaigns.progress import shown
from fedrec.campaigns.store import Store, attributes
from fedrec.cli.terminal_width import fitted
from fedrec.config.compose import initialized
from fedrec.config.secrets import stowed
from fedrec.config.validation import ConfigError

HELP = ("--help", "-h")


def conducted(program: Callable[[list[str], Set[str]], int], text: str, known: Sequence[str], arguments: Sequence[str]) -> int:
    """Call a program with its arguments and those of the `known` flags that are given. Return the exit status, whatever happens.

    `text` answers --help. Hydra is initialised meanwhile, and SIGTERM ends the program like Ctrl-C.
    """
    flags = {flag for flag in (*known, *HELP) if flag in arguments}
    if flags & {*HELP}:
        print(fitted(text))
        return 0
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        if "--json" in flags and "--dry-run" not in flags:
            raise ConfigError("--json: only together with --dry-run")
        with initialized():
            return program([stowed(argument) for argument in arguments if argument not in flags], flags)
    except KeyboardInterrupt as interrupt:
        print("interrupted: the same command goes on from here", file=sys.stderr)
        return 128 + (interrupt.args[0] if interrupt.args else signal.SIGINT)
    except Exception as error:
        from fedrec.cli.errors import explain, show

        return show(error, None if type(error) is ValueError else explain(error))  # wrong input raises a ConfigError


def _interrupt(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # schedulers send it repeatedly
    raise KeyboardInterrupt(number)


def make_planner(options: Shared, passed: Sequence[str], folder: Path, roots: dict[str, Path], recorder: str) -> Planner:
    """Return the planner of the runs; `passed` goes on to Hydra. Raises Hydra's error if the launcher does not exist."""
    launcher = [] if options.launcher == "joblib" else [f"hydra/launcher={options.launcher}"]
    settings = [*launcher, *(text for text in passed if text.startswith("hydra"))]
    arguments = [f"tracking={options.tracking}", f"device={options.device}", *(text for text in passed if not text.startswith("hydra"))]
    return Planner.of(folder, settings, arguments, roots, recorder)


def measure_missing(
    planner: Planner,
    store: Store,
    cells: Sequence[Cell],
    missing: Sequence[Cell],
    estimates: Estimates,
    workers: int,
    make_record: Callable[[], Recorder],
    has_bar: bool = True,
) -> None:
    """Measure the missing ones of all cells, those that failed before included. Tags name every experiment that shares a run."""
    if not missing:
        return
    store.study.queue([attributes(cell) for cell, _ in store.failures(missing)], again=True)
    sharing: dict[str, list[str]] = {cell.key: [] for cell in missing}
    for cell in cells:
        sharing.get(cell.key, []).append(cell.experiment)
    with shown(store, missing, estimates, workers) if has_bar else nullcontext():
        measure(Measurer(planner, store, missing, sharing, make_record), workers)
