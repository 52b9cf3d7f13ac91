"""What the rows of the benchmark have in common: the tables that they belong to, how they are printed, where the data lies."""

import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table

from fedrec.config.validation import ConfigError

TABLES = {  # title -> columns; a line break, because a table must fit a terminal of 80 columns
    "A round (with PIECK-UEA) or an evaluation, against a loop of whole uploads": (
        *("", "loop\nms", "before\nms", "now\nms", "loop /\nnow", "before /\nnow", "limit\nms", "now /\nlimit"),
    ),
    "A rule alone on the upload of a round, against ByzFL for one item after another": ("", "ByzFL\nms", "now\nms", "ByzFL /\nnow"),
    "A rule for whole updates alone, against a loop over clients": ("", "loop\nms", "now\nms", "loop /\nnow", "required"),
    "A round on a GPU": ("", "CPU\nms", "GPU\nms", "CPU /\nGPU"),
    "How the cost of a round grows": ("", "no attack\nms", "PIECK-UEA,\nMedian ms"),
    "Rounds of four epochs, in the third of which clients end their mining": ("", "median\nms", "dearest\nms", "dearest /\nmedian"),
    "An attack's share of its round, 5 % malicious clients": ("", "share", "attack\nms", "round\nms", "required"),
    "Whole programs": ("", "measured", "required"),
}
ROUNDS, RULES, WHOLE, GPU, GROWTH, MINING, SHARES, PROGRAMS = TABLES


@dataclass(frozen=True)
class Row:
    """One row of one of the tables."""

    table: str
    name: str
    cells: Sequence[str]
    numbers: Mapping[str, float | None] = field(default_factory=dict)  # what lies behind the cells, for --json


def shown(table: str, rows: Sequence[Row]) -> Table:
    """Return a table for the terminal."""
    first, *others = TABLES[table]
    drawn = Table(first, title=table, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in others:
        drawn.add_column(name, justify="left" if table == PROGRAMS else "right")
    for row in rows:
        drawn.add_row(row.name, *row.cells)
    return drawn


def as_markdown(table: str, rows: Sequence[Row]) -> str:
    """
    Return a table in Markdown.

    >>> print(as_markdown("Whole programs", [Row("Whole programs", "a sweep", ("1 min", "15 min"))]))
    Whole programs:
    <BLANKLINE>
    |  | measured | required |
    | --- | --- | --- |
    | a sweep | 1 min | 15 min |
    <BLANKLINE>
    """
    columns = [column.replace("\n", " ") for column in TABLES[table]]
    lines = [columns, ["---"] + ["---" if table == PROGRAMS else "---:"] * (len(columns) - 1), *([row.name, *row.cells] for row in rows)]
    return "\n".join([f"{table}:", "", *(f"| {' | '.join(line)} |" for line in lines), ""])


def number(value: float | None) -> str:
    """
    Return a number with three digits that count, or a dash for one that was not measured.

    >>> [number(value) for value in (1748.2, 11.23, 0.352, None)]
    ['1,748', '11.2', '0.35', '-']
    """
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def median_ms(seconds: Sequence[float]) -> float | None:
    """Return the median in milliseconds; None if nothing was measured."""
    return 1e3 * statistics.median(seconds) if seconds else None


def quotient(one: float | None, other: float | None) -> float | None:
    return one / other if one is not None and other is not None else None


def data_folder() -> Path:
    """Return the folder of the published splits. Raises ConfigError if there is none."""
    folder = Path(os.environ.get("FEDREC_DATA", "")).absolute()
    if "FEDREC_DATA" not in os.environ or not all((folder / name / "train.txt").is_file() for name in ("ml-100k", "az")):
        raise ConfigError("FEDREC_DATA: must name a folder with ml-100k and az, each with train.txt and test.txt")
    return folder
