"""A comparison on a terminal or in a pipe, in the widest layout that fits."""

import io
from collections.abc import Iterable

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Column, Table
from rich.text import Text

from fedrec.comparison.layouts import Layout, Shown, layouts, tests
from fedrec.comparison.legend import sentences
from fedrec.comparison.side_by_side import SideBySide

BEST, DIFFERS = "*", "†"


def print_text(comparison: SideBySide, console: Console) -> None:
    """Print the table, what its marks mean, and the tests if there are few enough to be read."""
    for layout in layouts(comparison):
        table = _table(layout)
        if _fits(table, console):
            break
    console.print(table)
    for line in sentences(comparison, BEST, DIFFERS):
        console.print(line, markup=False, highlight=False, emoji=False)
    if (listed := tests(comparison)) and _fits(table := _table(listed), console):
        console.print("", table, sep="\n")


def as_text(comparison: SideBySide) -> str:
    """Return what `print_text` prints, without colours and trailing spaces."""
    written = io.StringIO()
    print_text(comparison, Console(file=written, width=Console().width, no_color=True, force_terminal=False, force_jupyter=False))
    return "\n".join(line.rstrip() for line in written.getvalue().splitlines())


def _fits(table: Table, console: Console) -> bool:
    return Measurement.get(console, console.options.update(max_width=10_000), table).maximum <= console.width


def _table(layout: Layout) -> Table:
    """Return a table in which only the value of an option may be broken. Numbers are aligned by hand, whatever marks follow them."""
    named, numbers = layout.heads[: layout.keys], layout.heads[layout.keys :]
    keys = [
        Column(Text(head.replace(".", ".\n")), overflow="fold", no_wrap=not head, min_width=_longest(head.split("."))) for head in named
    ]
    rows = [row for block in layout.blocks for row in block]
    columns = [[_number(row[place]) for row in rows] for place in range(layout.keys, len(layout.heads))]
    heads = [head.replace("=", "\n").replace(" ", "\n") for head in numbers]
    widths = [_longest([text for text, _ in column]) for column in columns]
    spaces = [max((len(marks) for _, marks in column), default=0) for column in columns]
    widths = [max(width, _longest(head.split("\n")) - space) for width, head, space in zip(widths, heads, spaces, strict=True)]
    values = [
        Column(Text("\n".join(line.rjust(width + space) for line in head.split("\n"))), no_wrap=True)
        for head, width, space in zip(heads, widths, spaces, strict=True)
    ]
    table = Table(*keys, *values, box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for block in layout.blocks:
        if table.row_count and len(block) > 1:
            table.add_section()
        for row in block:
            told = [_cell(one, width) for one, width in zip(row[layout.keys :], widths, strict=True)]
            table.add_row(*(Text(str(one)) for one in row[: layout.keys]), *told)
    return table


def _longest(texts: Iterable[str]) -> int:
    return max(map(len, texts), default=0)


def _cell(one: str | Shown, width: int) -> Text:
    text, marks = _number(one)
    return Text(text.rjust(width) + marks, style="bold" if isinstance(one, Shown) and one.is_best else "")


def _number(one: str | Shown) -> tuple[str, str]:
    """Return what is aligned, and the marks behind it."""
    if isinstance(one, str):
        return one, ""
    n = f" (n={one.n})" if one.n else ""
    return f"{one.mean}{f' ± {one.error}' if one.error else ''}{n}", f"{BEST * one.is_best}{DIFFERS * one.differs}"
