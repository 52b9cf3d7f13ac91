"""The interactions of a whole table in the order of its rows, with users and items numbered, and the choice among them."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fedrec.interfaces import Ids

Numbers = NDArray[np.int32]
Mask = NDArray[np.bool_]
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

    def keep(self, rows: Mask | NDArray[np.int64]) -> "Log":
        """Return some of the interactions, of the same users and items."""
        return replace(self, users=self.users[rows], items=self.items[rows], times=None if self.times is None else self.times[rows])

    def one_of_each_pair(self, which: Duplicates) -> "Log":
        """Return the first or the last interaction of each pair of user and item by time, or by place if there are no times."""
        if which == "all" or not len(self.users):
            return self
        order = np.arange(len(self.users)) if self.times is None else self.times.argsort(kind="stable")
        pairs = self.users[order].astype(np.int64) * len(self.item_ids) + self.items[order]
        if which == "last":
            pairs, order = pairs[::-1], order[::-1]
        return self.keep(np.sort(order[np.unique(pairs, return_index=True)[1]]))

    def core(self, least: int) -> "Log":
        """Return the largest part in which every user and every item has `least` interactions or more."""
        log = self
        while len(log.users):
            n_users, n_items = np.bincount(log.users, minlength=len(log.user_ids)), np.bincount(log.items, minlength=len(log.item_ids))
            many = (n_users[log.users] >= least) & (n_items[log.items] >= least)
            if many.all():
                break
            log = log.keep(many)
        return log

    def of_users_before(self, cut: float) -> "Log":
        """Return the interactions of users who have one before the time `cut`."""
        assert self.times is not None
        known = np.zeros(len(self.user_ids), bool)
        known[self.users[self.times < cut]] = True
        return self if known[self.users].all() else self.keep(known[self.users])

    def numbered(self, last: int) -> "Log":
        """Number users and items anew by first appearance, those of the first `last` rows after all others unless they appear again."""
        users, user_ids = _numbered(self.users, self.user_ids, last)
        items, item_ids = _numbered(self.items, self.item_ids, last)
        return replace(self, users=users, items=items, user_ids=user_ids, item_ids=item_ids)


def _numbered(numbers: Numbers, ids: Ids, last: int) -> tuple[Numbers, Ids]:
    """Return the numbers of rows [I] and the ids of these numbers.

    >>> [part.tolist() for part in _numbered(np.array([4, 2, 4, 0]), np.array(list("abcde")), 1)]
    [[1, 0, 1, 2], ['c', 'e', 'a']]
    """
    import pandas as pd

    codes, known = pd.factorize(np.roll(numbers, -last))
    return np.roll(codes, last).astype(np.int32), ids[known]
