"""How fast and how small: `python -m experiments.benchmark [--only ROW] [--before CHECKOUT] [--markdown] [--json FILE]`.

  --only ROW         measure these rows alone; may be given several times. The rows: {rows}
  --before CHECKOUT  in rows of rounds and evaluations also measure another checkout of this project, such as the commit before
  --markdown         print the tables as Markdown, for experiments/README.md
  --json FILE        also write the numbers to a file

It needs FEDREC_DATA, a folder with ml-100k and az (see experiments/README.md). Times are CPU time on one core, medians over whole rounds
after mining has ended. What is compared takes turns, has the same data and begins in the same state. `loop` is what people run instead:
one object a client, whole uploads (`experiments/timing/whole_uploads.py`), and in row `clients` one client after another, scikit-learn
(`experiments/timing/client_rules.py`). `limit` is an estimate for this machine, from the bandwidths and
the SGEMM rate that are measured first (`experiments/timing/limits.py`). Row `growth` draws experiments/results/scaling.png.

Exit status: 0 everything is measured, 2 bad input.
"""

import json
import platform
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from functools import partial
from pathlib import Path

import torch
from rich.console import Console

from experiments.timing.byzfl_rules import rules_against_byzfl
from experiments.timing.checkouts import Checkouts, opened
from experiments.timing.client_rules import rules_against_clients
from experiments.timing.gpu_rows import on_gpu
from experiments.timing.growth import growth
from experiments.timing.machine import Machine, measure_machine
from experiments.timing.program_rows import checkpoints, main_command, memory, python, sweep, tracking
from experiments.timing.round_rows import EVALUATION_CASES, ROUND_CASES, SETTLED, attack_shares, evaluation_row, ml_100k, round_row
from experiments.timing.rows import TABLES, Row, as_markdown, data_folder, shown
from fedrec.cli.ending import exit_after
from fedrec.cli.errors import explain, show
from fedrec.cli.terminal_width import fitted
from fedrec.config.validation import ConfigError, did_you_mean, unknown

Measure = Callable[[Checkouts, Machine], Iterable[Row]]
ROWS: dict[str, Measure] = {
    **{name: partial(round_row, case) for name, case in ROUND_CASES.items()},
    **{name: partial(evaluation_row, case) for name, case in EVALUATION_CASES.items()},
    "byzfl": lambda checkouts, machine: rules_against_byzfl(ml_100k(), SETTLED),
    "clients": lambda checkouts, machine: rules_against_clients(ml_100k(), SETTLED),
    "gpu": lambda checkouts, machine: on_gpu(checkouts),
    "growth": lambda checkouts, machine: growth(checkouts),
    "attacks": lambda checkouts, machine: attack_shares(),
    "tracking": lambda checkouts, machine: tracking(),
    "checkpoints": lambda checkouts, machine: checkpoints(),
    "python": lambda checkouts, machine: python(),
    "command": lambda checkouts, machine: main_command(),
    "sweep": lambda checkouts, machine: sweep(),
    "memory": lambda checkouts, machine: memory(),
}


@dataclass
class Options:
    """What the command line asks for."""

    only: list[str]
    before: Path | None = None
    markdown: bool = False
    json: Path | None = None


def main(arguments: Sequence[str]) -> int:
    """Run the command line and return the exit status."""
    if {"--help", "-h"} & set(arguments):
        print(fitted((__doc__ or "").format(rows=", ".join(ROWS))))
        return 0
    try:
        options = parse(arguments)
        data_folder()
        with opened(options.before) as checkouts:
            _report(options, *_measure(options, checkouts))
    except (ConfigError, OSError) as error:
        return show(error, explain(error))
    return 0


def parse(arguments: Sequence[str]) -> Options:
    """Return the options. Raises ConfigError if an argument is wrong."""
    options, left = Options([]), list(arguments)
    while left:
        name = left.pop(0)
        if name == "--markdown":
            options.markdown = True
        elif name not in ("--only", "--before", "--json"):
            raise unknown(name, ("--only", "--before", "--markdown", "--json", "--help"))
        elif not left:
            raise ConfigError(f"{name}: a value must follow")
        elif name == "--only":
            options.only.append(_row(left.pop(0)))
        else:
            setattr(options, name[2:], Path(left.pop(0)))
    if options.json and not options.json.absolute().parent.is_dir():  # or it would be found out after minutes
        raise ConfigError(f"--json {options.json}: there is no such folder")
    return options


def _row(name: str) -> str:
    if name not in ROWS:
        raise ConfigError(f"--only {name}: no such row; there are {', '.join(ROWS)}{did_you_mean([name], list(ROWS), '')}")
    return name


def _measure(options: Options, checkouts: Checkouts) -> tuple[str, list[Row]]:
    """Return a line about the machine, and the rows."""
    torch.set_num_threads(1)
    machine, rows, progress = measure_machine(), list[Row](), Console(stderr=True)
    for name in options.only or ROWS:
        with progress.status(name):
            rows += ROWS[name](checkouts, machine)
    rates = f"{machine.dram / 1e9:.0f} GB/s from memory, {machine.l2 / 1e9:.0f} GB/s in cache, SGEMM {machine.sgemm / 1e9:.0f} GFLOP/s"
    return f"{platform.processor() or platform.machine()}, one thread, {rates}, torch {torch.__version__}, {date.today()}", rows


def _report(options: Options, machine: str, rows: Sequence[Row]) -> None:
    tables = {title: [row for row in rows if row.table == title] for title in TABLES}
    print(f"{machine}\n")
    for title, own in tables.items():
        if own and options.markdown:
            print(as_markdown(title, own))
        elif own:
            Console().print(shown(title, own))
    if options.json:
        options.json.write_text(json.dumps({"machine": machine, "rows": [asdict(row) for row in rows]}, indent=2), encoding="utf-8")


if __name__ == "__main__":
    exit_after(partial(main, sys.argv[1:]))
