"""JSON lines: an object on each line, read by Python, because ids may be texts and numbers of any size in one column."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from fedrec.data.table.columns import Columns
from fedrec.data.table.parts import Part
from fedrec.data.table.source import ROWS, Place, as_text

LOOKED_AT = 100  # objects

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass
class JsonLines:
    """A JSON object on each line."""

    part: Part
    n_rows: int | None = field(init=False, default=None)
    n_broken: int = field(init=False, default=0)

    @property
    def names(self) -> list[str]:
        """The keys of the first objects, of which some may lack a key. Raises ValueError in one line if the first line holds none."""
        first = [record for _, record in islice(self._records(), LOOKED_AT)]
        if not first:
            raise ValueError(f"{self.part} is empty: expected a table of interactions")
        if first[0] is None:
            place, what = self.first_broken()
            raise ValueError(f"{place.name}: {what}")
        return list(dict.fromkeys(key for record in first if record is not None for key in record))

    def batches(self, columns: Columns) -> Iterator["pa.Table"]:
        import pyarrow as pa

        names = self.names
        keys = {role: names[number] for role, number in columns.used.items()}
        records = self._records(count=True)
        while batch := [record for _, record in islice(records, ROWS)]:
            whole = [record for record in batch if record is not None]
            values = [pa.array([as_text(record.get(key)) for record in whole], pa.string()) for key in keys.values()]
            yield pa.table(values, names=list(keys))

    def place(self, row: int) -> Place:
        whole = (line for line, record in self._records() if record is not None)
        return Place.on_line(self.part, next(islice(whole, row, None)))

    def first_broken(self) -> tuple[Place, str]:
        number = next(line for line, record in self._records() if record is None)
        with self.part.unpacked() as file:
            found = next(islice(io.BufferedReader(file), number - 1, None)).strip()[:80].decode("utf-8", "replace")
        return Place.on_line(self.part, number), f"expected a JSON object, found {found!r}"

    def remark(self) -> str:
        return ""

    def _records(self, count: bool = False) -> Iterator[tuple[int, dict[str, Any] | None]]:
        """Yield the number of each line that is not empty and its object, None if it holds none."""
        with self.part.unpacked() as file:
            for number, line in enumerate(io.BufferedReader(file), 1):
                if not line.strip():
                    continue
                try:
                    record = json.loads(line)
                except (ValueError, RecursionError):
                    record = None
                if not isinstance(record, dict):
                    record = None
                    self.n_broken += count
                yield number, record
