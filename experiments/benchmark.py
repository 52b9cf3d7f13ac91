"""How fast and how small: `python -m experiments.benchmark [--only NAME] [--json FILE]`; needs FEDREC_DATA (see experiments/README.md).

Every ratio comes from one run. It compares the batched engine with one client after another (tests/reference in float32) on the same
data, from the same state and with the same number of threads. Times are medians over rounds.
"""

import argparse
import json
import platform
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from experiments.timing.engine_rows import attack_shares, evaluation_against_loop, round_against_loop, rounds_under_rules, scaling
from experiments.timing.program_rows import main_command, memory, sweep, tracking
from experiments.timing.rows import Row

ROWS: dict[str, Callable[[], Iterable[Row]]] = {
    "mf": lambda: [round_against_loop("MF round, no defense", ">= 60x, aim 100x")],
    "mf_upload": lambda: [round_against_loop("the same, loop adds whole uploads", "", item_by_item=False)],
    "mf_ours": lambda: [round_against_loop("MF round, ours", ">= 40x", "defense=ours")],
    "rules": rounds_under_rules,
    "ncf": lambda: [round_against_loop("DL round, no defense", ">= 40x, aim 60x", "model=ncf")],
    "ncf_upload": lambda: [round_against_loop("the same, loop adds whole uploads", "", "model=ncf", item_by_item=False)],
    "ncf_ours": lambda: [round_against_loop("DL round, ours", "", "model=ncf", "defense=ours")],
    "evaluation": lambda: [evaluation_against_loop("evaluation of all users", ">= 60x")],
    "ncf_evaluation": lambda: [evaluation_against_loop("DL evaluation of all users", "", "model=ncf")],
    "attacks": attack_shares,
    "scaling": scaling,
    "tracking": tracking,
    "command": main_command,
    "sweep": sweep,
    "memory": memory,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=ROWS, help="measure one group of rows")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the numbers to a file")
    parser.add_argument("--threads", type=int, default=1, help="torch threads of both sides (default 1)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = [row for name, measure in ROWS.items() if options.only in (None, name) for row in measure()]
    machine = f"{platform.processor() or platform.machine()}, {options.threads} threads, torch {torch.__version__}, {date.today()}"
    table = Table("what", "measured", "required", title=machine, title_justify="left")
    for row in rows:
        table.add_row(row["name"], row["result"], row["target"])
    Console(width=110).print(table)
    if options.json:
        options.json.write_text(json.dumps({"machine": machine, "rows": rows}, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
