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
            column = compute.cast(column, pa.int64(), safe=bool(compute.all(compute.equal(column, compute.round(column))).as_py()))
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

        times = column.to_pandas()
        if self.dates is None:
            self.dates = self.time_format is not None or _are_dates(times)
        if not self.dates:
            if pd.api.types.is_integer_dtype(times):
                return times.to_numpy(np.int64), np.zeros(len(times), bool)
            try:
                return column.cast("int64").to_numpy(), np.zeros(len(times), bool)  # exact, also for nanoseconds
            except ValueError:
                return self.numbers(column)
        if not pd.api.types.is_datetime64_any_dtype(times):
            times = pd.to_datetime(times.astype("str").str.strip(), format=self.time_format or "ISO8601", errors="coerce", utc=True)
        elif times.dt.tz is None:
            times = times.dt.tz_localize("UTC")
        missing = times.isna().to_numpy()
        return times.dt.tz_convert(None).astype("datetime64[us]").to_numpy().astype(np.int64), missing

    def moment(self, time: str | float) -> float:
        """Return a time that an option names, as `times` does. Raises ValueError if the table has numbers where it is a date, or so."""
        import pandas as pd

        try:
            if not self.dates:
                return float(time)
            return float(pd.Timestamp(time if isinstance(time, str) else str(int(time)), tz=None).tz_localize("UTC").value // 1000)
        except (ValueError, TypeError):
            kind = "a date as in ISO 8601" if self.dates else "a number"
            raise ValueError(f"dataset.cut={time}: expected {kind}, as in the column of times") from None


def _to_numbers(texts: Any) -> Any:
    """Return texts as numbers, not a number where one holds none; a decimal comma is one if it stands between digits only."""
    import pandas as pd

    numbers = pd.to_numeric(texts, errors="coerce")
    if (wrong := numbers.isna()).any():
        with_comma = texts[wrong].str.fullmatch(r"\s*[-+]?\d+,\d+\s*")
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
