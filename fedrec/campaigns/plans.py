"""What a campaign is going to measure and how long that takes, as a table or as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta

from rich.console import Console
from rich.table import Table

from fedrec.campaigns.cells import Cell
from fedrec.campaigns.estimates import Estimates


def show_plan(cells: Sequence[Cell], missing: Sequence[Cell], estimates: Estimates, workers: int) -> None:
    """Print a table with the cells of each experiment, the runs that are still to be measured, and the time that they take."""
    table = Table("experiment", "cells", "runs to measure", "time", title=f"on {workers} workers")
    open_keys = {cell.key for cell in missing}
    for experiment in dict.fromkeys(cell.experiment for cell in cells):
        own = [cell for cell in cells if cell.experiment == experiment]
        new = list({cell.key: cell for cell in own if cell.key in open_keys}.values())
        open_keys -= {cell.key for cell in new}
        table.add_row(experiment, str(len(own)), str(len(new)), _duration(estimates.total(new, workers)))
    table.add_section()
    table.add_row("all", str(len(cells)), str(len(missing)), _duration(estimates.total(missing, workers)))
    Console().print(table)
    print("A run that several experiments share is counted for the first of them.")
    print("The times are those of the machine that measured the committed report, or guesses for what it has not measured.")


def plan_as_json(cells: Sequence[Cell], missing: Sequence[Cell], estimates: Estimates) -> str:
    """Return every cell with its command, whether it has been measured, and the seconds that it takes."""
    open_keys = {cell.key for cell in missing}
    facts = ((cell, {"measured": cell.key not in open_keys, "seconds": estimates.seconds(cell)}) for cell in cells)
    return json.dumps([{**asdict(cell), "overrides": cell.overrides, **more} for cell, more in facts], indent=2)


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
