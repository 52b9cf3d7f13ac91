"""What every format of a table offers: its rows in batches, and where each row stands.

A batch is a `pyarrow.Table` with a column for each role that the table has. A row that cannot be divided into columns is not in a batch;
the source counts it and knows where the first one stands.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from fedrec.data.table.columns import Columns
from fedrec.data.table.parts import Part

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 1 << 17  # of a batch, unless a format reads blocks of bytes


class Place(NamedTuple):
    """Where a row stands: those of one part are in order of `line`."""

    line: int
    name: str  # of part and line

    @classmethod
    def on_line(cls, part: Part, line: int) -> "Place":
        return cls(line, f"{part}:{line}")


def as_text(value: Any) -> str | None:
    """Return an id, a number or a time as text, 42.0 as 42; None if it is no single value.

    >>> [as_text(value) for value in ("a", 42.0, 0.5, float("nan"), True, None, [1])]
    ['a', '42', '0.5', None, None, None, None]
    """
    if isinstance(value, float):
        return None if value != value else str(int(value)) if value.is_integer() and abs(value) < 2**53 else str(value)
    return None if value is None or isinstance(value, bool | list | dict | tuple | set) else str(value)


class Source(Protocol):
    """One part of a table."""

    n_broken: int  # rows without the right number of columns, or that are no JSON, so far

    @property
    def n_rows(self) -> int | None:
        """About how many rows there are; None: nobody knows before they are read."""

    @property
    def names(self) -> list[str] | None:
        """The names of the columns; None: they have none."""

    def batches(self, columns: Columns) -> Iterator["pa.Table"]:
        """Yield the rows in order; a column for each role, of text unless the format has types."""

    def place(self, row: int) -> Place:
        """Return where a row of the batches stands, counted from 0 over all of them."""

    def first_broken(self) -> tuple[Place, str]:
        """Return where the first broken row stands, and what was expected and found there."""

    def remark(self) -> str:
        """Return what may be wrong with the part, once it has been read; nothing if all is well."""
