"""Parts of a table -> one log of interactions, batch by batch, so that texts never lie in memory all at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedrec.data.table.bad_rows import BadRows
from fedrec.data.table.columns import Columns
from fedrec.data.table.log import Log
from fedrec.data.table.numbering import Numbering
from fedrec.data.table.source import Source
from fedrec.data.table.values import Values


@dataclass
class Gathered:
    """What was read so far."""

    values: Values
    bad_rows: BadRows
    min_rating: float | None
    n_rows: int = field(init=False, default=0)  # good or bad
    n_below: int = field(init=False, default=0)  # with a rating below `min_rating`
    remarks: list[str] = field(init=False, default_factory=list)
    _users: Numbering = field(init=False, default_factory=Numbering)
    _items: Numbering = field(init=False, default_factory=Numbering)
    _times: list[NDArray[Any]] = field(init=False, default_factory=list)

    def read(self, source: Source, columns: Columns) -> None:
        """Read a part. Raises ValueError in one line at a bad row, unless they are skipped."""
        names = {role: str(number) if source.names is None else source.names[number] for role, number in columns.used.items()}
        start = 0
        for batch in source.batches(columns):
            self._take(source, start, {role: batch.column(role) for role in columns.used}, names)
            start += batch.num_rows
        self.bad_rows.take_broken(source)
        self.n_rows += start + source.n_broken
        if remark := source.remark():
            self.remarks.append(remark)

    def _take(self, source: Source, start: int, batch: Mapping[str, Any], names: Mapping[str, str]) -> None:
        read = {"user": self.values.ids, "item": self.values.ids, "rating": self.values.numbers, "time": self.values.times}
        found = {}
        for role, column in batch.items():
            try:
                found[role] = read[role](column)
            except (ValueError, NotImplementedError) as error:  # pyarrow's own errors are of these kinds
                part = getattr(source, "part", "the DataFrame")
                raise ValueError(f"{part}: column {names[role]}: {str(error).splitlines()[0]}") from error
        bad = {role: mask for role, (_, mask) in found.items()}
        if "rating" in bad and self.min_rating is None:  # nobody needs a rating: it may be missing, but no word
            for row in np.flatnonzero(bad["rating"]):
                bad["rating"][row] = str(batch["rating"][row].as_py() or "").strip() not in ("", "nan")
        self.bad_rows.take(source, start, bad, batch, names)
        good = ~np.logical_or.reduce(list(bad.values()))
        if self.min_rating is not None:
            enough = found["rating"][0] >= self.min_rating
            self.n_below += int((good & ~enough).sum())
            good &= enough
        rows = None if good.all() else np.flatnonzero(good)
        for role, numbering in (("user", self._users), ("item", self._items)):
            ids = found[role][0]
            numbering.add(ids if rows is None else ids.take(rows))
        if "time" in found:
            times = found["time"][0]
            self._times.append(times if rows is None else times[rows])

    def log(self) -> Log:
        """Return all interactions, numbered by first appearance, and forget them."""
        self.bad_rows.finish(self.n_rows)
        (users, user_ids), (items, item_ids) = self._users.finish(), self._items.finish()
        times = np.concatenate(self._times) if self._times else None
        self._times = []
        return Log(users, items, times, user_ids, item_ids, bool(self.values.dates))
