"""Which format a part of a table has, by what it begins with."""

import codecs

from fedrec.data.table.columnar import Parquet
from fedrec.data.table.dialect import Dialect, Given, find_dialect
from fedrec.data.table.json_lines import JsonLines
from fedrec.data.table.parts import Part
from fedrec.data.table.separated_values import SeparatedValues
from fedrec.data.table.source import Source


def open_source(part: Part, given: Given) -> tuple[Source, Dialect | None]:
    """Return the rows of a part by what it begins with: parquet, JSON lines, or separated values. Raises ValueError in one line."""
    with part.unpacked() as file:
        begin = file.read(64).removeprefix(codecs.BOM_UTF8).lstrip()
    if begin.startswith(b"PAR1"):
        return Parquet(part), None
    if begin.startswith(b"{"):
        return JsonLines(part), None
    if begin.startswith(b"["):
        raise ValueError(f"{part} is one JSON array: expected JSON lines, an object on each line (pandas: orient='records', lines=True)")
    dialect = find_dialect(part, given)
    return SeparatedValues(part, dialect), dialect
