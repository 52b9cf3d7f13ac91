"""Columns -> a parquet file, without pandas, whose import takes longer than writing all of them. Only writing imports NumPy."""

import os
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fedrec.config.validation import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Columns = Mapping[str, NDArray[Any]]  # [n] each: numbers (NaN: no value), truth values, or objects that are text or None


def write_columns(path: Path, blocks: "Iterable[Columns]") -> None:
    """Write blocks of rows, one at least, of the same columns; only one block is in memory at a time.

    They are written under another name first, so that nobody reads half a file. Raises ConfigError if the disk takes none, AttributeError
    or UnicodeEncodeError if an object is no text in UTF-8.
    """
    from pyarrow import parquet

    part = path.with_name(f"{path.name}.part")
    rest = iter(blocks)
    first = next(rest)
    encodings = {name: _ENCODINGS[values.dtype.kind] for name, values in first.items()}
    table = _table(first)
    try:
        with parquet.ParquetWriter(part, table.schema, compression="zstd", use_dictionary=False, column_encoding=encodings) as writer:
            for one in chain([table], map(_table, rest)):
                writer.write_table(one)
        part.replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: {os.strerror(error.errno) if error.errno else error}") from None
    finally:
        part.unlink(missing_ok=True)


_ENCODINGS = {"i": "DELTA_BINARY_PACKED", "f": "PLAIN", "b": "PLAIN", "O": "DELTA_BYTE_ARRAY"}  # by the kind of a NumPy type


def _table(columns: "Columns") -> Any:
    from pyarrow import Table

    return Table.from_arrays([_column(values) for values in columns.values()], list(columns))


def _column(values: "NDArray[Any]") -> Any:
    """Return a column for pyarrow, which shares the memory of numbers."""
    import numpy as np
    import pyarrow

    if values.dtype.kind == "i":
        return pyarrow.Array.from_buffers(pyarrow.int64(), len(values), [None, pyarrow.py_buffer(np.ascontiguousarray(values, np.int64))])
    if values.dtype.kind == "f":
        known = np.packbits(~np.isnan(values), bitorder="little")
        kind = pyarrow.float32() if values.dtype.itemsize == 4 else pyarrow.float64()
        return pyarrow.Array.from_buffers(kind, len(values), [pyarrow.py_buffer(known), pyarrow.py_buffer(np.ascontiguousarray(values))])
    if values.dtype.kind == "b":
        bits = np.packbits(values, bitorder="little")
        return pyarrow.Array.from_buffers(pyarrow.bool_(), len(values), [None, pyarrow.py_buffer(bits)])
    texts = [b"" if one is None else one.encode() for one in values.tolist()]
    ends = np.concatenate([[0], np.fromiter(map(len, texts), np.int64, len(texts)).cumsum()])
    known = np.packbits([one is not None for one in values.tolist()], bitorder="little")
    buffers = [pyarrow.py_buffer(buffer) for buffer in (known, ends, b"".join(texts))]
    return pyarrow.Array.from_buffers(pyarrow.large_string(), len(values), buffers)
