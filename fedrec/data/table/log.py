"""The interactions of a whole table in the order of its rows, with users and items numbered, and the choice among them."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from fedrec.data.table.long_columns import Numbers, count, first_rows, grouped, look_up, repeated_pairs, sort_within
from fedrec.interfaces import Ids, Interactions

Mask = NDArray[np.bool_]
NOBODY = {"null", "none", "nan", "na", "n/a", "<na>", "undefined", "unknown"}  # what programs write where there is no id
EARLIEST = 1e8  # seconds: a smaller number is no time since 1970
Duplicates = Literal["first", "last", "all"]


@dataclass(frozen=True, slots=True)
class Log:
    """I interactions; those of a row stand at the same place."""

    users: Numbers  # [I] in 0..U-1
    items: Numbers  # [I] in 0..M-1
    times: NDArray[Any] | None  # [I], ascending with time; None: the table has none
    user_ids: Ids  # [U]
    item_ids: Ids  # [M]
    dates: bool = False  # whether the times are dates, in microseconds since 1970

    def keep(self, rows: Mask) -> "Log":
        """Return some of the interactions, of the same users and items."""
        return replace(self, users=self.users[rows], items=self.items[rows], times=None if self.times is None else self.times[rows])

    def doubts(self) -> list[str]:
        """Return what looks like a mistake in the table, in words."""
        told = []
        for name, ids, numbers in (("user", self.user_ids, self.users), ("item", self.item_ids, self.items)):
            nobody = {number: one for number, one in enumerate(ids) if one.lower() in NOBODY} if ids.dtype == object else {}
            rows = {one: np.count_nonzero(numbers == number) for number, one in nobody.items()}
            told += [f"the {name} id {one} is that of {n} rows; does it stand for a missing one?" for one, n in rows.items()]
        if self.times is not None and not self.dates and len(self.times):
            least, most = self.times.min(), self.times.max()
            if least >= EARLIEST and most / 100 > least:
                told.append(f"times go from {least} to {most}: are some of them in seconds, and others in milliseconds?")
        return told

    def one_of_each_pair(self, which: Duplicates) -> "Log":
        """Return the first or the last interaction of each pair of user and item by time, or by place if there are no times."""
        if which == "all" or not len(self.users):
            return self
        rows = repeated_pairs(self.users, self.items, len(self.user_ids))
        if not len(rows):
            return self
        keys = [rows, self.items[rows], self.users[rows]] if self.times is None else [self.times[rows], self.items[rows], self.users[rows]]
        order = np.lexsort(keys)
        users, items = self.users[rows[order]], self.items[rows[order]]
        begins = np.flatnonzero(np.diff(users, prepend=-1) | np.diff(items, prepend=-1))
        left = np.ones(len(self.users), bool)
        left[rows] = False
        left[rows[order[begins if which == "first" else np.append(begins[1:], len(rows)) - 1]]] = True
        return self.keep(left)

    def core(self, least: int) -> "Log":
        """Return the largest part in which every user and every item has `least` interactions or more."""
        log = self
        while least > 1 and len(log.users):
            enough = count(log.users, len(log.user_ids)) >= least, count(log.items, len(log.item_ids)) >= least
            many = look_up(enough[0], log.users) & look_up(enough[1], log.items)
            if many.all():
                break
            log = log.keep(many)
        return log

    def of_users_before(self, cut: float) -> "Log":
        """Return the interactions of users who have one before the time `cut`."""
        assert self.times is not None
        known = count(self.users[self.times < cut], len(self.user_ids)) > 0
        return self if known.all() else self.keep(look_up(known, self.users))

    def numbered(self, last: int) -> "Log":
        """Number users and items anew by first appearance, those of the first `last` rows after all others unless they appear again."""
        users, user_ids = _numbered(self.users, self.user_ids, last)
        items, item_ids = _numbered(self.items, self.item_ids, last)
        return replace(self, users=users, items=items, user_ids=user_ids, item_ids=item_ids)

    def by_user(self) -> "Log":
        """Sort by user, then by time; at equal times, or without times, the order of the rows stays."""
        values = self.items if self.times is None else self.times
        offsets, items, times = grouped(self.users, len(self.user_ids), self.items, values)
        users = np.arange(len(self.user_ids), dtype=np.int32).repeat(np.diff(offsets))
        if self.times is not None:
            sort_within(offsets, items, times)
        return replace(self, users=users, items=items, times=None if self.times is None else times)

    def interactions(self) -> Interactions:
        """Return the interactions of a log that is sorted by user."""
        offsets = np.append(0, count(self.users, len(self.user_ids)).cumsum())
        return Interactions(torch.from_numpy(offsets), torch.from_numpy(self.items), len(self.item_ids))


def _numbered(numbers: Numbers, ids: Ids, last: int) -> tuple[Numbers, Ids]:
    """Return the numbers of rows [I] and the ids of these numbers.

    >>> [part.tolist() for part in _numbered(np.array([4, 2, 4, 0], np.int32), np.array(list("abcde")), 1)]
    [[1, 0, 1, 2], ['c', 'e', 'a']]
    """
    first = first_rows(numbers, len(ids), last)
    order = first.argsort()[: int((first < 2 * len(numbers)).sum())]  # the numbers that occur, by first appearance
    if len(order) == len(ids) and (np.diff(order) == 1).all():
        return numbers, ids
    new = np.empty(len(ids), np.int32)
    new[order] = np.arange(len(order), dtype=np.int32)
    return look_up(new, numbers), ids[order]
