"""Tables and paragraphs in Markdown."""

import textwrap
from collections.abc import Iterable, Sequence

_WIDTH = 118


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


def filled(text: str) -> str:
    """Return a paragraph in lines of equal length."""
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
