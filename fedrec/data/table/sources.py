"""The rows of one part of a table, in batches of texts: separated values, JSON lines, parquet, or a DataFrame.

A batch is a `pyarrow.Table` with a column for each role that the table has. A row that cannot be divided into columns is not in a batch;
the source counts it and knows where the first one stands.
"""

import codecs
import contextlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import IO, TYPE_CHECKING, Any, Protocol

from fedrec.data.table.columns import Columns
from fedrec.data.table.dialect import Dialect, Given, find_dialect, slow_reader
from fedrec.data.table.parts import Part

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

BLOCK = 1 << 24  # bytes of separated values that are read at once
ROWS = 1 << 17  # rows of the other formats


class Source(Protocol):
    """One part of a table."""

    n_broken: int  # rows without the right number of columns, or that are no JSON, so far

    @property
    def names(self) -> list[str] | None:
        """The names of the columns; None: they have none."""

    def batches(self, columns: Columns) -> Iterator["pa.Table"]:
        """Yield the rows in order; a column for each role, of text unless the format has types."""

    def place(self, row: int) -> str:
        """Return where a row of the batches stands, counted from 0 over all of them: file and line."""

    def first_broken(self) -> str:
        """Return where the first broken row stands, what was expected, and what was found."""


@dataclass
class SeparatedValues:
    """A text with a row on each line, and a separator between values."""

    part: Part
    dialect: Dialect
    n_broken: int = field(init=False, default=0)

    @property
    def names(self) -> list[str] | None:
        return self.dialect.names

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
                    yield pa.Table.from_batches([batch]).rename_columns(list(columns.used))
            except pa.ArrowInvalid as error:
                raise ValueError(f"{self.part}: {str(error).splitlines()[0]}") from error

    @property
    def _codec(self) -> str:
        return "utf8" if self.dialect.encoding in ("utf-8", "utf-8-sig") else self.dialect.encoding

    def _skip(self, row: Any) -> str:
        self.n_broken += 1 + row.text.count("\n")  # a quote that nothing closes takes the lines that follow
        return "skip"

    def place(self, row: int) -> str:
        whole = (line for line, values in self._rows() if len(values) == self.n_columns)
        return f"{self.part}:{next(islice(whole, row, None))}"

    def first_broken(self) -> str:
        line, values = next((line, values) for line, values in self._rows() if len(values) != self.n_columns)
        shown = self.dialect.separator.join(values)[:80]
        return f"{self.part}:{line}: expected {self.n_columns} columns, found {len(values)} in {shown!r}"

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
        whole = self.left + (piece := self.file.read(size))
        while piece and self.what[0].startswith(whole):
            whole += (piece := self.file.read(1))
        self.left = whole[-1:] if piece and whole.endswith(self.what[0][:1]) else b""
        return whole[: len(whole) - len(self.left)].replace(*self.what)


@dataclass
class JsonLines:
    """A JSON object on each line."""

    part: Part
    n_broken: int = field(init=False, default=0)

    @property
    def names(self) -> list[str]:
        """The keys of the first object. Raises ValueError in one line if there is none."""
        for _, record in self._records():
            if record is None:
                raise ValueError(self.first_broken())
            return list(record)
        raise ValueError(f"{self.part} is empty: expected a table of interactions")

    def batches(self, columns: Columns) -> Iterator["pa.Table"]:
        import pyarrow as pa

        names = self.names
        keys = {role: names[number] for role, number in columns.used.items()}
        records = self._records(count=True)
        while batch := [record for _, record in islice(records, ROWS)]:
            whole = [record for record in batch if record is not None]
            values = [pa.array([_plain(record.get(key)) for record in whole], pa.string()) for key in keys.values()]
            yield pa.table(values, names=list(keys))

    def place(self, row: int) -> str:
        whole = (line for line, record in self._records() if record is not None)
        return f"{self.part}:{next(islice(whole, row, None))}"

    def first_broken(self) -> str:
        number = next(line for line, record in self._records() if record is None)
        with self.part.unpacked() as file:
            found = next(islice(io.BufferedReader(file), number - 1, None)).strip()[:80].decode("utf-8", "replace")
        return f"{self.part}:{number}: expected a JSON object, found {found!r}"

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


def _plain(value: Any) -> str | None:
    """Return a JSON value as text, None if it is no single value."""
    return value if isinstance(value, str) else str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


@dataclass
class Parquet:
    """A parquet file."""

    part: Part
    n_broken: int = field(init=False, default=0)

    @property
    def names(self) -> list[str]:
        with self._file() as file:
            return list(file.schema_arrow.names)

    def batches(self, columns: Columns) -> Iterator["pa.Table"]:
        import pyarrow as pa

        with self._file() as file:
            names = [file.schema_arrow.names[number] for number in columns.used.values()]
            for batch in file.iter_batches(ROWS, columns=names):
                yield pa.Table.from_batches([batch]).select(names).rename_columns(list(columns.used))

    @contextlib.contextmanager
    def _file(self) -> Iterator[Any]:
        from pyarrow import ArrowException, BufferReader, parquet

        with self.part.unpacked() as file:
            try:
                yield parquet.ParquetFile(file if file.seekable() else BufferReader(file.read()))
            except ArrowException as error:
                raise ValueError(f"{self.part}: damaged parquet file ({str(error).splitlines()[0]})") from error

    def place(self, row: int) -> str:
        return f"{self.part}, row {row + 1}"

    def first_broken(self) -> str:
        raise AssertionError("a parquet file has no broken rows")


@dataclass
class Frame:
    """A DataFrame of pandas."""

    frame: "pd.DataFrame"
    n_broken: int = field(init=False, default=0)

    @property
    def names(self) -> list[str]:
        return [str(name) for name in self.frame.columns]

    def batches(self, columns: Columns) -> Iterator["pa.Table"]:
        import pyarrow as pa

        for start in range(0, len(self.frame), ROWS):
            rows = self.frame.iloc[start : start + ROWS]
            values = {role: rows.iloc[:, number] for role, number in columns.used.items()}
            yield pa.table({role: _arrow(column) for role, column in values.items()})

    def place(self, row: int) -> str:
        return f"the DataFrame, row {self.frame.index[row]}"

    def first_broken(self) -> str:
        raise AssertionError("a DataFrame has no broken rows")


def _arrow(column: "pd.Series[Any]") -> "pa.Array":
    """Return a column of a DataFrame; where its values are of several types, as text."""
    import pyarrow as pa

    try:
        return pa.Array.from_pandas(column)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if value != value or value is None else str(value) for value in column], pa.string())


def open_source(part: Part, given: Given) -> tuple[Source, Dialect | None]:
    """Return the rows of a part by what it begins with: parquet, JSON lines, or separated values. Raises ValueError in one line."""
    with part.unpacked() as file:
        begin = file.read(64).removeprefix(codecs.BOM_UTF8).lstrip()
    if begin.startswith(b"PAR1"):
        return Parquet(part), None
    if begin.startswith(b"{"):
        return JsonLines(part), None
    if begin.startswith(b"["):
        raise ValueError(f"{part} is one JSON array: expected JSON lines, an object on each line")
    dialect = find_dialect(part, given)
    return SeparatedValues(part, dialect), dialect
