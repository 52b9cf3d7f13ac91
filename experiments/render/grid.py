"""A table in Markdown."""

from collections.abc import Iterable, Sequence


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
