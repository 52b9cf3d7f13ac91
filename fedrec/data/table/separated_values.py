"""Texts with a row on each line and a separator between values: CSV, TSV and the like, read by pyarrow."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import IO, TYPE_CHECKING, Any

from fedrec.data.table.columns import Columns
from fedrec.data.table.dialect import Dialect, slow_reader
from fedrec.data.table.parts import Part
from fedrec.data.table.source import Place

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK = 1 << 24  # bytes that are read at once


@dataclass
class SeparatedValues:
    """A text with a row on each line, and a separator between values."""

    part: Part
    dialect: Dialect
    n_broken: int = field(init=False, default=0)
    _n_read: int = field(init=False, default=0)  # rows in batches so far

    @property
    def names(self) -> list[str] | None:
        return self.dialect.names

    @property
    def n_rows(self) -> int:
        return self.dialect.n_lines

    @property
    def n_columns(self) -> int:
        return len(self.dialect.names or self.dialect.first)

    def batches(self, columns: Columns) -> Iterator["pa.Table"]:
        import pyarrow as pa
        from pyarrow import csv as arrow

        dialect, names = self.dialect, [str(number) for number in range(self.n_columns)]
        text = {str(number): pa.string() for number in columns.used.values()}
        options = {
            "read_options": arrow.ReadOptions(
                block_size=BLOCK,
                encoding=self._codec,
                column_names=names,
                skip_rows=dialect.n_empty,
                skip_rows_after_names=int(dialect.names is not None),
            ),
            "parse_options": arrow.ParseOptions(
                delimiter=dialect.letter,
                quote_char=dialect.quote or False,
                newlines_in_values=dialect.quote is not None,
                invalid_row_handler=self._skip,
            ),
            "convert_options": arrow.ConvertOptions(column_types=text, include_columns=list(text), strings_can_be_null=False),
        }
        with self.part.unpacked() as file:
            stream = file if len(dialect.separator) == 1 else _Replaced(file, dialect)
            try:
                for batch in arrow.open_csv(stream, **options):
                    self._n_read += batch.num_rows
                    yield pa.Table.from_batches([batch]).rename_columns(list(columns.used))
            except pa.ArrowInvalid as error:
                raise ValueError(f"{self.part}: {str(error).splitlines()[0]}") from error

    @property
    def _codec(self) -> str:
        return "utf8" if self.dialect.encoding in ("utf-8", "utf-8-sig") else self.dialect.encoding

    def _skip(self, row: Any) -> str:
        self.n_broken += 1 + row.text.count("\n")  # a quote that nothing closes takes the lines that follow
        return "skip"

    def place(self, row: int) -> Place:
        whole = (line for line, values in self._rows() if len(values) == self.n_columns)
        return Place.on_line(self.part, next(islice(whole, row, None)))

    def first_broken(self) -> tuple[Place, str]:
        line, values = next((line, values) for line, values in self._rows() if len(values) != self.n_columns)
        shown = self.dialect.separator.join(values)[:80]
        return Place.on_line(self.part, line), f"expected {self.n_columns} columns, found {len(values)} in {shown!r}"

    def remark(self) -> str:
        """Say how many lines are inside of quotes, because a quote that is not closed takes the lines that follow into its value."""
        expected = self._n_read + self.n_broken + (self.dialect.names is not None)
        if self.dialect.quote is None or self.n_rows == expected or self.dialect.encoding == "utf-16":
            return ""
        with self.part.unpacked() as file:
            inside = sum(1 for line in io.BufferedReader(file) if line.strip()) - expected
        told = "lines are inside of quotes that an earlier line begins; if that is wrong, a quote is not closed: dataset.quote=false"
        return f"{self.part}: {inside} {told}" if inside > 0 else ""

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield each row of values and its line, slowly: only who looks for a line needs it."""
        dialect = self.dialect
        with self.part.unpacked() as file:
            lines = io.TextIOWrapper(io.BufferedReader(file), dialect.encoding, "replace", newline="")
            replaced = (line.replace(dialect.separator, dialect.letter) for line in lines)
            reader = slow_reader(replaced, dialect.letter, dialect.quote)
            before, n_rows = 0, 0
            for values in reader:
                if values:
                    if n_rows or dialect.names is None:
                        yield before + 1, values
                    n_rows += 1
                before = reader.line_num


class _Replaced(io.RawIOBase):
    """A stream of bytes in which the separator `::` is one letter, because readers of separated values know no longer one."""

    def __init__(self, file: IO[bytes], dialect: Dialect) -> None:
        self.file, self.left = file, b""
        self.what = dialect.separator.encode(dialect.encoding), dialect.letter.encode(dialect.encoding)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """Return what comes next, at most `size` bytes; a separator that may be cut waits for the next call."""
        text = self.left
        while piece := self.file.read(size - 1 if size > 1 else size):  # one byte may be left of the call before
            text = (text + piece).replace(*self.what)
            self.left = text[-1:] if text.endswith(self.what[0][:1]) else b""
            if len(text) > len(self.left):
                return text[: len(text) - len(self.left)]
        self.left = b""
        return text
