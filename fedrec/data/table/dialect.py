"""How a file of separated values is written: its encoding, separator, quotes and header, found from its content or given."""

import codecs
import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fedrec.data.table.columns import is_number, usual_role
from fedrec.data.table.parts import Part

MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}  # byte order marks
SEPARATORS = ("\t", ";", "|", ",", "::", " ")  # of two that divide the lines equally often, the first
HEAD = 1 << 18  # bytes at the start of a file that tell how it is written
LINES = 100
PIECE = 1 << 22
ONE_LETTER = "\x1f"  # what is read instead of "::": the separator of units in ASCII, which no file of separated values holds


@dataclass(frozen=True, slots=True)
class Given:
    """What the options say about how files are written; None is found from their content."""

    encoding: str | None
    separator: str | None
    quote: str | Literal[False] | None  # false = there are none
    header: bool | None
    columns: Sequence[str]  # names of columns that options give


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one file is written."""

    encoding: str
    separator: str
    quote: str | None
    names: list[str] | None  # of the columns; None: the file has no header
    first: list[str]  # its first row of values, or its header if it has no row
    n_empty: int  # lines before the first that is not empty
    n_lines: int

    @property
    def letter(self) -> str:
        """The one character that separates values once `::` is replaced."""
        return self.separator if len(self.separator) == 1 else ONE_LETTER

    @property
    def told(self) -> str:
        """How the file is written, in words."""
        separator = {"\t": "tabs", " ": "spaces"}.get(self.separator, repr(self.separator))
        header = "a header" if self.names else "no header"
        return f"{self.encoding}, values between {separator}, {header}; "


def find_dialect(part: Part, given: Given) -> Dialect:
    """Return how a file is written. Raises ValueError in one line if no separator divides its lines."""
    encoding, n_lines, head = _scan(part, given.encoding)
    lines = head.splitlines(keepends=True)
    if n_lines > len(lines) > 1:
        lines = lines[:-1]  # it may be cut
    n_empty = next((number for number, line in enumerate(lines) if line.strip()), len(lines))
    lines = [line for line in lines[n_empty:] if line.strip()][:LINES]
    if not lines:
        raise ValueError(f"{part} is empty: expected a table of interactions")
    if any("\0" in line for line in lines):
        raise ValueError(f"{part} holds zero bytes: it is no text, or in an encoding that dataset.encoding=NAME must name")
    if given.separator and not any(given.separator in line for line in lines):
        raise ValueError(f"dataset.separator={given.separator!r} does not occur in {part}; its first line is {lines[0].strip()[:80]!r}")
    separator = given.separator or _separator(part, lines, given)
    quote = _quote(lines, separator) if given.quote is None else given.quote or None
    rows = _rows(lines, separator, quote)
    has_header = _has_header(part, rows, given) if given.header is None else given.header
    names = [name.strip() for name in rows[0]] if has_header else None
    return Dialect(encoding, separator, quote, names, rows[has_header] if len(rows) > has_header else rows[0], n_empty, n_lines)


def _scan(part: Part, given: str | None) -> tuple[str, int, str]:
    """Return the encoding, the number of lines and the first characters, from one pass over the file."""
    utf8, is_utf8, n_lines, head, last = codecs.getincrementaldecoder("utf-8")(), True, 0, b"", b""
    with part.unpacked() as file:
        while piece := file.read(PIECE):
            head += piece[: HEAD - len(head)]
            n_lines, last = n_lines + piece.count(b"\n"), piece[-1:]
            if is_utf8 and not piece.isascii():
                try:
                    utf8.decode(piece)
                except UnicodeDecodeError:
                    is_utf8 = False
    mark = next((name for begin, name in MARKS.items() if head.startswith(begin)), None)
    encoding = mark if mark and (given or "").lower() in ("", "utf-8", "utf8") else given or mark or ("utf-8" if is_utf8 else "cp1252")
    try:
        text = head.decode(encoding, "ignore" if encoding.startswith("utf") else "replace")
    except LookupError:
        raise ValueError(f"dataset.encoding={given} is no encoding that Python knows; utf-8 and cp1252 are two") from None
    return encoding, n_lines + (last not in (b"", b"\n")), text


def _rows(lines: Sequence[str], separator: str, quote: str | None) -> list[list[str]]:
    letter = separator if len(separator) == 1 else ONE_LETTER
    return list(slow_reader((line.replace(separator, letter) for line in lines), letter, quote))


def slow_reader(lines: Iterable[str], letter: str, quote: str | None) -> Any:
    """Return the `csv.reader` of Python for a separator and a quote, which knows its lines."""
    return csv.reader(lines, delimiter=letter, quotechar=quote or '"', quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE)


def _separator(part: Part, lines: Sequence[str], given: Given) -> str:
    """Return the separator that divides half of the lines or more into equally many columns: that makes a header, else the most columns.

    A space separates values only if nothing else does, because it also stands inside them.
    """
    best, most = "", (False, False, 1)
    for separator in SEPARATORS:
        rows = _rows(lines, separator, _quote(lines, separator))
        sizes = Counter(map(len, rows))
        n_columns, count = sizes.most_common(1)[0]
        score = (_names_columns(rows[0], given), separator != " ", n_columns)
        if n_columns > 1 and count >= sizes.total() / 2 and score > most:
            best, most = separator, score
    if not best:
        known = ", ".join("a tab" if one == "\t" else "a space" if one == " " else one for one in SEPARATORS)
        shown = lines[0].strip()[:80]
        raise ValueError(f"{part}: none of {known} divides the lines into columns; the first is {shown!r}; set dataset.separator")
    return best


def _quote(lines: Sequence[str], separator: str) -> str | None:
    """Return the double quote, unless it stands inside values that nothing quotes, as in titles of a file separated by tabs."""
    values = [value.strip() for line in lines for value in line.split(separator)]
    inside = any('"' in value for value in values)
    return None if inside and not any(value.startswith('"') for value in values) else '"'


def _has_header(part: Part, rows: Sequence[Sequence[str]], given: Given) -> bool:
    """Return whether the first row names the columns: options or usual names say so, or a word stands above numbers only.

    Raises ValueError in one line if nothing tells, because all values are words.
    """
    first, others = [name.strip() for name in rows[0]], [row for row in rows[1:] if len(row) == len(rows[0])]
    if _names_columns(first, given):
        return True
    if any(map(is_number, first)) or not all(first):  # nor has a name nothing in it
        return False
    numeric = [all(map(is_number, values)) for values in zip(*others, strict=True)]
    if not any(numeric):
        raise ValueError(f"{part}: is its first line {'; '.join(first)[:80]!r} a header? Set dataset.header=true or dataset.header=false")
    return True


def _names_columns(row: Sequence[str], given: Given) -> bool:
    """Return whether a row holds names of columns that the options give, or the usual names of users and items."""
    names = [name.strip() for name in row]
    asked = any(name in (column, column.partition(":")[0]) for name in given.columns for column in names)
    return asked or {"user", "item"} <= {usual_role(name) for name in names}
