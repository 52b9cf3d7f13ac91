"""Texts of a program as wide as the terminal, or 80 columns where there is none."""

import re
import shutil
import textwrap

NARROWEST, WIDEST = 40, 160  # columns


def columns() -> int:
    """Return how wide a text may be."""
    return min(max(shutil.get_terminal_size().columns, NARROWEST), WIDEST)


def fitted(text: str) -> str:
    """Return a text without lines that are too wide. In a list their words go on below what follows the first gap of two spaces."""
    return "\n".join(_wrapped(line, columns()) for line in text.splitlines())


def _wrapped(line: str, width: int) -> str:
    gap = re.match(r" *\S+ {2,}(?=\S)", line)
    indent = gap.end() if gap and gap.end() <= width // 2 else 4 if line.startswith(" ") else 0
    return "\n".join(textwrap.wrap(line, width, subsequent_indent=" " * indent, break_on_hyphens=False))
