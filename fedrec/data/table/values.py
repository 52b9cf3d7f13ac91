"""The values of a batch: ids as they are written, ratings and times as numbers, and which rows have none."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

Mask = NDArray[np.bool_]

EXPECTED = {
    "user": "the id of a user",
    "item": "the id of an item",
    "rating": "a number",
    "time": "a number, or a date and time as in ISO 8601 (2014-07-01 or 2014-07-01T12:30:00Z)",
}


@dataclass
class Values:
    """What was read of the rows so far decides how later ones are read: a column of times holds numbers, or dates."""

    time_format: str | None  # as in `datetime.strptime`; None: numbers, or ISO 8601
    dates: bool | None = field(init=False, default=None)  # whether the times are dates; None until the first row

    def ids(self, column: Any) -> tuple["pa.Array", Mask]:
        """Return ids as whole numbers of 64 bits or as text without space at the ends, and which rows have none or a longer one."""
        import pyarrow as pa
        from pyarrow import compute

        column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if pa.types.is_floating(column.type):  # whole numbers, where pandas had to make room for a missing one
            column = _whole(column)
        if pa.types.is_integer(column.type) and not pa.types.is_uint64(column.type):
            column = column.cast(pa.int64())
        else:
            column = compute.utf8_trim_whitespace(column.cast(pa.string()))
        missing = column.is_null().to_numpy(zero_copy_only=False)
        if column.type == pa.string():
            texts = compute.fill_null(column, "")
            strange = compute.or_(compute.equal(texts, ""), compute.match_substring(texts, "\n"))
            missing |= strange.to_numpy(zero_copy_only=False)
        return column, missing

    def numbers(self, column: Any) -> tuple[NDArray[Any], Mask]:
        """Return numbers, with a decimal point or a decimal comma, and which rows have something else than a number or nothing."""
        import pandas as pd

        numbers = column.to_pandas()
        if not pd.api.types.is_numeric_dtype(numbers):
            numbers = _to_numbers(numbers.astype("str"))
        values = numbers.to_numpy(np.float64, na_value=np.nan)
        return values, ~np.isfinite(values)

    def times(self, column: Any) -> tuple[NDArray[Any], Mask]:
        """Return times that ascend as the times of the rows do, and which rows have none: seconds as they are, dates in microseconds."""
        import pandas as pd

        if self.dates is None:
            self.dates = self.time_format is not None or _are_dates(column.to_pandas())
        if not self.dates:
            return self._plain_times(column)
        times = column.to_pandas()
        if not pd.api.types.is_datetime64_any_dtype(times):
            times = pd.to_datetime(times.astype("str").str.strip(), format=self.time_format or "ISO8601", errors="coerce", utc=True)
        elif times.dt.tz is None:
            times = times.dt.tz_localize("UTC")
        missing = times.isna().to_numpy()
        return times.dt.tz_convert(None).astype("datetime64[us]").to_numpy().astype(np.int64), missing

    def _plain_times(self, column: Any) -> tuple[NDArray[Any], Mask]:
        """Return times that are numbers: exact whole numbers if all are, also nanoseconds."""
        from pyarrow import ArrowInvalid, compute

        if str(column.type) == "bool":
            return np.zeros(len(column)), np.ones(len(column), bool)
        try:
            missing = column.is_null().to_numpy()
            return compute.fill_null(column.cast("int64"), 0).to_numpy(), missing
        except ArrowInvalid:
            values, bad = self.numbers(column)
        try:
            whole = np.zeros(len(column), np.int64)
            whole[~bad] = column.take(np.flatnonzero(~bad)).cast("int64").to_numpy()
            return whole, bad
        except ArrowInvalid:
            return values, bad

    def moment(self, time: str | float) -> float:
        """Return a time that an option names, as `times` does. Raises ValueError if the table has numbers where it is a date, or so."""
        import pandas as pd

        try:
            if not self.dates:
                return float(time)
            if self.time_format is None and not str(time)[:1].isdigit():
                raise ValueError("a word such as today")
            (moment,) = pd.to_datetime([str(time)], format=self.time_format or "ISO8601", utc=True)
            return float(moment.value // 1000)  # of nanoseconds
        except (ValueError, TypeError, OverflowError):
            kind = f"a date like {self.time_format}" if self.time_format else "a date as in ISO 8601" if self.dates else "a number"
            raise ValueError(f"dataset.cut={time}: expected {kind}, as in the column of times") from None


def _whole(column: "pa.Array") -> "pa.Array":
    """Return floating-point numbers as whole ones, null where there is none. Raises ValueError if some are not whole or lost digits."""
    import pyarrow as pa
    from pyarrow import compute

    limit = 2.0 ** (24 if column.type == pa.float32() else 53)
    column = compute.if_else(compute.is_nan(column), None, column)
    fine = compute.and_(compute.equal(column, compute.round(column)), compute.less(compute.abs(column), limit))
    if not compute.all(fine, min_count=0).as_py():
        raise ValueError("ids are fractions, or numbers too long for floating point: give whole numbers or text")
    return column.cast(pa.int64())


def _to_numbers(texts: Any) -> Any:
    """Return texts as numbers, not a number where one holds none.

    A decimal comma stands between digits, but not before three of them: 1,200 may be one thousand and two hundred.
    """
    import pandas as pd

    numbers = pd.to_numeric(texts, errors="coerce")
    if (wrong := numbers.isna()).any():
        with_comma = texts[wrong].str.fullmatch(r"\s*[-+]?\d+,(\d{1,2}|\d{4,})\s*")
        commas = texts[wrong][with_comma.fillna(False).astype(bool)]
        numbers = numbers.astype("float64")
        numbers[commas.index] = pd.to_numeric(commas.str.replace(",", "."))
    return numbers


def _are_dates(times: Any) -> bool:
    """Return whether the first time is no number."""
    import pandas as pd

    known = times.dropna()
    if not len(known) or pd.api.types.is_numeric_dtype(known):
        return False
    return bool(pd.api.types.is_datetime64_any_dtype(known) or pd.isna(pd.to_numeric(known.iloc[:1], errors="coerce")).all())
