"""A table of interactions of one's own: files of many formats, or a DataFrame, with any ids."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from torch import Generator

from fedrec.data.raw_files import path_of
from fedrec.data.splitting import Choice, last_share, latest, shuffled, split_by
from fedrec.data.table.bad_rows import BadRows
from fedrec.data.table.columnar import FRAME, Frame
from fedrec.data.table.columns import ROLES, Columns, choose_columns, same_columns
from fedrec.data.table.dialect import Given
from fedrec.data.table.formats import open_source
from fedrec.data.table.gathering import Gathered
from fedrec.data.table.log import Duplicates, Log
from fedrec.data.table.memory import require_memory
from fedrec.data.table.parts import parts_of, told_of_parts
from fedrec.data.table.source import Source
from fedrec.data.table.time_cut import latest_share_begins, split_at
from fedrec.data.table.values import Values
from fedrec.interfaces import Countable, Split

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Examined:
    """What was read of a table."""

    log: Log  # what is left after all choices, sorted by user and time
    cut: float | None  # the time from which on interactions are held out
    n_rows: int  # of the table, good or bad
    remarks: list[str]  # what was found and guessed, and what was left out and why


@dataclass(kw_only=True)
class Table:
    """A file, an archive or a folder with the parts of a table; or a DataFrame, which `frame` holds while `path` at most names it.

    user, item, rating, time: the columns, by name or by position from 0; time_format: as in `datetime.strptime`.
    """

    paper = "a table of one's own"

    path: str | None
    user: str | Annotated[int, Field(ge=0)] | None
    item: str | Annotated[int, Field(ge=0)] | None
    rating: str | Annotated[int, Field(ge=0)] | Literal[False] | None
    time: str | Annotated[int, Field(ge=0)] | Literal[False] | None
    time_format: str | None
    encoding: str | None
    separator: Annotated[str, Field(min_length=1, max_length=2)] | None
    quote: Annotated[str, Field(min_length=1, max_length=1)] | Literal[False] | None
    header: bool | None
    bad_rows: Literal["error", "skip"]
    min_rating: float | None
    duplicates: Duplicates
    k_core: Countable
    split: Literal["leave_one_out", "ratio", "cut"]
    order: Literal["time", "file", "random"]
    test_share: Annotated[float, Field(gt=0, lt=1)]
    cut: str | float | None
    validation: bool
    numbered_last: Annotated[int, Field(ge=0)]

    frame: "pd.DataFrame | None" = field(init=False, default=None)

    def load(self, generator: Generator) -> Split:
        """Read the table and split it; `order=random` draws. Raises ValueError in one line that names file, line, column and value."""
        return self.divide_and_tell(self.examine(), generator)

    def divide_and_tell(self, found: Examined, generator: Generator) -> Split:
        """Split what was read. Say what was found and guessed, and what was left out."""
        for line in found.remarks:
            log.info("%s", line)
        split = self.divide(found, generator)
        if n_cold := untrained(split):
            log.info("%d of %d test items are of items that nobody trains on, so no model can know them", n_cold, len(split.test.items))
        return split

    def examine(self) -> Examined:
        """Read the table and choose among its rows. Raises ValueError as `load` does."""
        gathered = Gathered(Values(self.time_format), BadRows(self.bad_rows), self.min_rating)
        told: list[str] = []
        first, names = None, None
        sources = list(self._sources(told))
        require_memory(self.path or "the DataFrame", sum(source.n_rows or 0 for _, source, _, _ in sources))
        for name, source, written, values in sources:
            if first is None:
                columns = first = choose_columns(name, source.names, values, {role: getattr(self, role) for role in ROLES})
                told.append(f"{name}: {written}{_named(source, columns)}")
                self._require(name, columns)
                names = source.names
            else:
                columns = same_columns(name, source.names, names, first)
            gathered.read(source, columns)
        return self._choose(gathered, told)

    def _sources(self, told: list[str]) -> Iterator[tuple[str, Source, str, Sequence[str]]]:
        """Yield each part: its name, its rows, how it is written, and its first row. What is told of all parts comes to `told`."""
        if self.frame is not None:
            yield "the DataFrame", Frame(self.frame), "", []
            return
        if self.path is None:
            raise ValueError("dataset.path is missing: dataset=table needs dataset.path=FILE, a table with a row for each interaction")
        named = [getattr(self, role) for role in ROLES]
        separator = "\t" if self.separator == "\\t" else self.separator  # as one types it in a shell
        given = Given(self.encoding, separator, self.quote, self.header, [one for one in named if isinstance(one, str)])
        if self.path.startswith(FRAME):
            raise ValueError(f"dataset.path={self.path} was a DataFrame of Python, which no file keeps: give it again, as data=frame")
        place = path_of(self.path, "dataset.path")
        parts = parts_of(place)
        told += told_of_parts(place, parts)
        for part in parts:
            source, dialect = open_source(part, given)
            yield str(part), source, dialect.told if dialect else "", dialect.first if dialect else []

    def _require(self, name: str, columns: Columns) -> None:
        """Raise ValueError if an option needs a column that the table does not have."""
        if self.min_rating is not None and columns.rating is None:
            raise ValueError(f"dataset.min_rating={self.min_rating}: {name} has no column of ratings; dataset.rating=COLUMN names one")
        if self.split == "cut" and columns.time is None:
            raise ValueError(f"dataset.split=cut: {name} has no column of times; dataset.time=COLUMN names one")
        if self.split == "cut" and self.order != "time":
            raise ValueError(f"dataset.order={self.order}: dataset.split=cut goes by time")

    def _choose(self, gathered: Gathered, told: list[str]) -> Examined:
        """Leave out what the options say, and number what is left."""
        log, n_rows = gathered.log(), gathered.n_rows
        told += gathered.remarks
        if self.order == "file":
            log = replace(log, times=None)
        elif log.times is None and self.order == "time":
            told.append("no column of times: the rows are taken in the order of the file")
        told += log.doubts()
        left = [len(log.users)]  # after each choice
        log = log.one_of_each_pair(self.duplicates)
        left.append(len(log.users))
        log = log.core(self.k_core)
        left.append(len(log.users))
        cut = self._cut(log, gathered.values)
        log = log if cut is None else log.of_users_before(cut)
        left.append(len(log.users))
        for number, why in (
            (gathered.bad_rows.n_bad, f"are skipped (dataset.bad_rows); the first: {gathered.bad_rows.first}"),
            (gathered.n_below, f"have a rating below {self.min_rating} (dataset.min_rating)"),
            (left[0] - left[1], f"repeat a pair of user and item, and the {self.duplicates} one counts (dataset.duplicates)"),
            (left[1] - left[2], f"are of users or items with fewer than {self.k_core} (dataset.k_core)"),
            (left[2] - left[3], "are of users who have none before the cut (dataset.cut)"),
        ):
            if number:
                told.append(f"{number} of {n_rows} rows {why}")
        if not left[-1]:
            what = self.path or "the DataFrame"
            raise ValueError(f"{what}: no interaction is left of {n_rows} rows{''.join(f'; {one}' for one in told[1:])}")
        log = log.numbered(self.numbered_last)
        return Examined(log.by_user(), cut, n_rows, told)

    def _cut(self, log: Log, values: Values) -> float | None:
        """Return the time from which on interactions are held out, None if that is not how they are split."""
        if self.split != "cut" or log.times is None or not len(log.times):
            return None
        return latest_share_begins(log.times, self.test_share) if self.cut is None else values.moment(self.cut)

    def divide(self, found: Examined, generator: Generator) -> Split:
        """Split what was read. Raises ValueError if no user would have a test item."""
        log, name = found.log, Path(self.path).name if self.path else "DataFrame"
        interactions = log.interactions()
        if found.cut is not None and log.times is not None:
            split = split_at(found.cut, name, interactions, log.times, self.test_share if self.validation else None)
        else:
            choice: Choice = latest if self.split == "leave_one_out" else partial(last_share, share=self.test_share)
            split = split_by(shuffled(choice, generator) if self.order == "random" else choice, name, interactions, self.validation)
        if not len(split.test.items):
            late = f"no interaction comes at dataset.cut={self.cut} or later"
            raise ValueError(
                f"{name}: no user has a test item, because {'none has two interactions or more' if found.cut is None else late}"
            )
        return replace(split, user_ids=log.user_ids, item_ids=log.item_ids)


def untrained(split: Split) -> int:
    """Return how many test items are of items that nobody trains on."""
    return int((split.train.popularity()[split.test.items.long()] == 0).sum())


def _named(source: Source, columns: Columns) -> str:
    """Return in words which column holds what."""
    names = {role: f"column {number}" if source.names is None else source.names[number] for role, number in columns.used.items()}
    return ", ".join(f"{role} = {name}" for role, name in names.items())
