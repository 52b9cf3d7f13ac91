"""The pairs of row and item that a block of draws has taken. A pair is the number row * n_items + item."""

import numpy as np
from numpy.typing import NDArray

from fedrec.data.raw_files import Integers


class Table:
    """A table of all pairs, fast if there are few items: `table[pair]` is nonzero while the pair is taken."""

    def __init__(self, n_items: int) -> None:
        self.n_items = n_items
        self.table = np.zeros(0, np.int32)
        self.touched: list[Integers] = []  # where the table is nonzero

    def begin(self, n_rows: int) -> None:
        """Forget all pairs, and be ready for those of n_rows rows."""
        if self.touched:
            self.table[np.concatenate(self.touched)] = 0
            self.touched.clear()
        if len(self.table) < n_rows * self.n_items:
            self.table = np.zeros(n_rows * self.n_items, np.int32)

    def claim(self, pairs: Integers) -> Integers:
        """Take the pairs [n] that are free, and return their positions, ascending; of equal pairs the first is taken."""
        self.touched.append(pairs)
        free = np.flatnonzero(self.table[pairs] == 0)
        order = np.arange(1, len(free) + 1, dtype=np.int32)
        self.table[pairs[free[::-1]]] = order[::-1]  # NumPy keeps the last of repeated assignments: here the first draw
        claimed: Integers = free[self.table[pairs[free]] == order]
        return claimed

    def among(self, rows: Integers) -> NDArray[np.bool_]:
        """Return which items each of D ascending rows has taken, [D, M]."""
        taken: NDArray[np.bool_] = self.table.reshape(-1, self.n_items)[rows] != 0
        return taken


class SortedPairs:
    """The taken pairs in ascending order: time and memory are those of the pairs, whatever the number of items. As `Table`."""

    def __init__(self, n_items: int) -> None:
        self.n_items = n_items
        self.begin(0)

    def begin(self, n_rows: int) -> None:
        self.pairs: Integers = np.zeros(0, np.int64)

    def claim(self, pairs: Integers) -> Integers:
        order = pairs.argsort(kind="stable")
        ascending = pairs[order]
        new = np.diff(ascending, prepend=-1) > 0
        if len(self.pairs):
            there = self.pairs[np.minimum(np.searchsorted(self.pairs, ascending), len(self.pairs) - 1)]
            new &= there != ascending
        self.pairs = np.sort(np.concatenate([self.pairs, ascending[new]]))
        return np.sort(order[new])

    def among(self, rows: Integers) -> NDArray[np.bool_]:
        owners, items = np.divmod(self.pairs, self.n_items)
        places = np.minimum(np.searchsorted(rows, owners), len(rows) - 1)
        wanted = rows[places] == owners
        taken = np.zeros((len(rows), self.n_items), bool)
        taken[places[wanted], items[wanted]] = True
        return taken
