"""A file with a row for each rating that its owners publish: read as any table is, and compared with its published statistics."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Generator

from fedrec.data.published_files import require_published
from fedrec.data.table.table import Table
from fedrec.interfaces import Split

PLAIN: Mapping[str, Any] = {  # how `Table` reads a file when nothing is said
    "time_format": None,
    "encoding": "utf-8",
    "separator": None,
    "quote": None,
    "header": None,
    "bad_rows": "error",
    "min_rating": None,
    "duplicates": "all",
    "k_core": 1,
    "split": "leave_one_out",
    "order": "time",
    "test_share": 0.2,
    "cut": None,
    "numbered_last": 0,
}


def load_published(table: Table, name: str, published: Sequence[int | None], own: bool, generator: Generator) -> Split:
    """Read and split a table that should hold these numbers of users, items and rows; None where its owners publish none.

    Raises ValueError in one line if it holds others, unless the file is the user's own.
    """
    found = table.examine()
    numbers = len(found.log.user_ids), len(found.log.item_ids), found.n_rows
    expected = [number if known is None else known for number, known in zip(numbers, published, strict=True)]
    require_published(name, Path(str(table.path)), numbers, expected, own)
    return replace(table.divide_and_tell(found, generator), name=name)
