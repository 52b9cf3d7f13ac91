"""A comparison, or any grid of texts, in Markdown."""

import re
from collections.abc import Iterable, Sequence

from fedrec.comparison.layouts import Layout, Shown, layouts, tests
from fedrec.comparison.legend import sentences
from fedrec.comparison.side_by_side import SideBySide

_MARKUP = re.compile(r"[\\`*_<>&~]|\](?=[(\[:])|(?<!\S)[#+=-](?=[#+=-]*(?:\s|$))")  # what Markdown would read
_NUMBERED = re.compile(r"^(\d+)(?=[.)](?:\s|$))")  # the first item of a list
_DIFFERS = "†"


def as_markdown(comparison: SideBySide) -> str:
    """Return the table, what its marks mean, and the tests if there are few enough to be read."""
    listed = tests(comparison)
    told = [plain(line) for line in sentences(comparison, "Bold:", _DIFFERS)]
    return "\n\n".join([_grid_of(next(layouts(comparison))), "  \n".join(told), *([_grid_of(listed)] if listed else [])]) + "\n"


def grid(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """
    Return a table with a line for each row.

    >>> print(grid(["a", "b"], [["1", "|2|"]]))
    | a | b |
    | --- | --- |
    | 1 | \\|2\\| |
    """
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def plain(text: str) -> str:
    """
    Return Markdown that shows a text as it is, in one line, whatever it holds.

    >>> plain("<b>A_hum*")
    '\\\\<b\\\\>A\\\\_hum\\\\*'
    """
    return _NUMBERED.sub(r"\1\\", _MARKUP.sub(r"\\\g<0>", " ".join(text.split())))


def _grid_of(layout: Layout) -> str:
    return grid([*map(plain, layout.heads)], [[_cell(one) for one in row] for block in layout.blocks for row in block])


def _cell(one: str | Shown) -> str:
    if isinstance(one, str):
        return plain(one)
    text = f"{one.mean} ± {one.error}" if one.error else one.mean
    return f"{f'**{text}**' if one.is_best else text}{f' (n={one.n})' if one.n else ''}{_DIFFERS * one.differs}"
