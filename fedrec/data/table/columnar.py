"""Tables with typed columns: parquet files and DataFrames of pandas."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fedrec.data.table.columns import Columns
from fedrec.data.table.parts import Part
from fedrec.data.table.source import ROWS, Place, as_text

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

FRAME = "DataFrame #"  # so begins what dataset.path says of a DataFrame that takes the place of a file


class Unbroken:
    """What has columns has no row that cannot be divided into them."""

    n_broken = 0

    def first_broken(self) -> tuple[Place, str]:
        raise AssertionError("no row is broken")

    def remark(self) -> str:
        return ""


@dataclass
class Parquet(Unbroken):
    """A parquet file."""

    part: Part

    @property
    def n_rows(self) -> int:
        with self._file() as file:
            return int(file.metadata.num_rows)

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

    def place(self, row: int) -> Place:
        return Place(row, f"{self.part}, row {row + 1}")


@dataclass
class Frame(Unbroken):
    """A DataFrame of pandas."""

    frame: "pd.DataFrame"

    @property
    def n_rows(self) -> int:
        return len(self.frame)

    @property
    def names(self) -> list[str]:
        return [str(name) for name in self.frame.columns]

    def batches(self, columns: Columns) -> Iterator["pa.Table"]:
        import pyarrow as pa

        for start in range(0, len(self.frame), ROWS):
            rows = self.frame.iloc[start : start + ROWS]
            values = {role: rows.iloc[:, number] for role, number in columns.used.items()}
            yield pa.table({role: _arrow(column) for role, column in values.items()})

    def place(self, row: int) -> Place:
        return Place(row, f"the DataFrame, row {self.frame.index[row]}")


def write_frame(frame: "pd.DataFrame", path: Path) -> None:
    """Write a DataFrame as a parquet file that has the same rows for `Table`: the same values, and the same columns in the same order."""
    import pyarrow as pa
    from pyarrow import parquet

    columns = [_arrow(frame.iloc[:, number]) for number in range(len(frame.columns))]
    parquet.write_table(pa.Table.from_arrays(columns, Frame(frame).names), path)


def _arrow(column: "pd.Series[Any]") -> "pa.Array":
    """Return a column of a DataFrame; where its values are of several types, as text."""
    import pandas as pd
    import pyarrow as pa

    try:
        return pa.Array.from_pandas(column)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if value is pd.NA or value is pd.NaT else as_text(value) for value in column], pa.string())
