"""Draws of items that a user has not seen: negatives D_i^- (Sec. III-A), ranking candidates, synthetic interactions.

`draw_unseen_repeatedly` draws with replacement. `draw_unseen` draws distinct items: the result is distributed as if one item after
another were drawn without replacement. For that, items are drawn with replacement for all rows at once, and those already taken are
dropped. A row that would need more than n_items / 2 tries gets one random key per item instead (Efraimidis and Spirakis, "Weighted
random sampling with a reservoir", IPL 2006), so that no row loops for long.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from fedrec.data.reading import Integers

Items = NDArray[np.int32]

TABLE_SIZE = 1 << 22  # entries of the table of taken items: bounds memory whatever the number of rows


def draw_unseen(
    counts: Tensor, seen_offsets: Tensor, seen_items: Tensor, n_items: int, generator: Generator, weights: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Draw counts[r] distinct items for each of R rows, none of them in seen_items[seen_offsets[r]:seen_offsets[r + 1]].

    counts [R] int64; seen_offsets [R + 1] int64; seen_items int32 in 0..n_items-1, repeats allowed; weights [M] > 0, what each draw's
    probabilities are proportional to (None: uniform). Returns offsets [R + 1] int64 and items int32, each row in order of draw; a row
    with too few unseen items gets all of them. All tensors lie on the CPU.

    >>> offsets, items = draw_unseen(torch.tensor([2, 9]), torch.tensor([0, 1, 3]), torch.tensor([3, 0, 2]), 4, Generator())
    >>> offsets.tolist(), sorted(items[2:].tolist())
    ([0, 2, 4], [1, 3])
    """
    n_rows, rows_per_block = len(counts), max(1, TABLE_SIZE // n_items)
    taken = _Taken(min(rows_per_block, n_rows), n_items, generator, weights)
    offsets, seen, wanted = seen_offsets.numpy(), seen_items.numpy(), counts.numpy()
    sizes, items = [np.zeros(1, np.int64)], [np.zeros(0, np.int32)]
    for first in range(0, n_rows, rows_per_block):
        ends = offsets[first : first + rows_per_block + 1]  # [B + 1]
        drawn = taken.draw(wanted[first : first + rows_per_block], np.diff(ends), seen[ends[0] : ends[-1]])
        sizes.append(drawn[0])
        items.append(drawn[1])
    return torch.from_numpy(np.concatenate(sizes).cumsum()), torch.from_numpy(np.concatenate(items))


def draw_unseen_repeatedly(
    counts: Tensor, seen_offsets: Tensor, seen_items: Tensor, n_items: int, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Draw counts[r] items for each of R rows with replacement, uniformly among those that the row has not seen; as `draw_unseen`.

    A row that has seen all items gets none.

    >>> offsets, items = draw_unseen_repeatedly(torch.tensor([2, 9]), torch.tensor([0, 1, 4]), torch.tensor([3, 0, 2, 3]), 4, Generator())
    >>> offsets.tolist(), items[2:].unique().tolist()
    ([0, 2, 11], [1])
    """
    n_rows = len(counts)
    owners = torch.arange(n_rows).repeat_interleave(seen_offsets.diff())
    keys = torch.unique(owners * n_items + seen_items)  # ascending
    owners, items = keys // n_items, keys % n_items
    n_seen = torch.bincount(owners, minlength=n_rows)  # [R]
    starts = n_seen.cumsum(0) - n_seen
    # Number r of a row's unseen items follows as many seen ones as there are k with items[k] - k <= r; k counts the row's seen items.
    before = owners * (n_items + 1) + items - (torch.arange(len(keys)) - starts[owners])  # ascending
    sizes = counts * (n_seen < n_items)
    rows = torch.arange(n_rows).repeat_interleave(sizes)
    numbers = (torch.rand(len(rows), dtype=torch.float64, generator=generator) * (n_items - n_seen)[rows]).long()
    skipped = torch.searchsorted(before, rows * (n_items + 1) + numbers, right=True) - starts[rows]
    return torch.cat([sizes.new_zeros(1), sizes.cumsum(0)]), (numbers + skipped).int()


class _Taken:
    """Draws for one block of B rows at a time; `table[r * M + j]` is nonzero while row r has seen or drawn item j."""

    def __init__(self, n_rows: int, n_items: int, generator: Generator, weights: Tensor | None) -> None:
        self.n_items, self.generator, self.uniform = n_items, generator, weights is None
        self.table = np.zeros(n_rows * n_items, np.int32)
        self.touched: list[Integers] = []  # where the table is nonzero
        shares = np.ones(n_items) if weights is None else weights.double().numpy()
        self.shares: NDArray[np.float64] = shares / shares.sum()  # [M]
        self.cumulative: NDArray[np.float64] = self.shares.cumsum()  # [M]

    def draw(self, counts: Integers, seen_sizes: Integers, seen: Items) -> tuple[Integers, Items]:
        """Return the sizes [B] and the items of one block."""
        n_rows = len(counts)
        rows, drawn = self._claim(np.arange(n_rows).repeat(seen_sizes), seen)
        unseen = 1.0 - np.bincount(rows, self.shares[drawn], n_rows)  # [B], probability that a draw is not taken yet
        sizes = np.minimum(counts, self.n_items - np.bincount(rows, minlength=n_rows))
        ends = sizes.cumsum()
        next_ = ends - sizes  # [B], where each row's next item goes
        items = np.empty(sizes.sum(), np.int32)
        while (next_ < ends).any():
            missing = ends - next_
            tries = np.ceil(missing / np.maximum(unseen, 1e-12) * 1.1).astype(np.int64)  # [B], a tenth more saves passes
            dense = tries > self.n_items / 2
            for rows, drawn in (self._draw_by_keys(missing * dense), self._draw_by_rejection(tries * ~dense)):
                unseen -= np.bincount(rows, self.shares[drawn], n_rows)
                n_drawn = np.bincount(rows, minlength=n_rows)
                places = (next_ - (n_drawn.cumsum() - n_drawn))[rows] + np.arange(len(rows))  # rows are sorted
                fits = places < ends[rows]
                items[places[fits]] = drawn[fits]
                next_ += np.bincount(rows[fits], minlength=n_rows)
        self.table[np.concatenate(self.touched)] = 0
        self.touched.clear()
        return sizes, items

    def _claim(self, rows: Integers, items: Integers | Items) -> tuple[Integers, Integers | Items]:
        """Take the pairs of row and item that are free, the first of equal ones, and return them."""
        keys = rows * self.n_items + items
        self.touched.append(keys)
        free = np.flatnonzero(self.table[keys] == 0)
        order = np.arange(1, len(free) + 1, dtype=np.int32)
        self.table[keys[free[::-1]]] = order[::-1]  # NumPy keeps the last of repeated assignments: here the first draw
        new = free[self.table[keys[free]] == order]
        return rows[new], items[new]

    def _draw_by_rejection(self, tries: Integers) -> tuple[Integers, Integers | Items]:
        """Draw tries[r] items with replacement for each row r, and return those that were free, in order of draw."""
        rows = np.arange(len(tries)).repeat(tries)
        if self.uniform:
            items = torch.randint(self.n_items, (len(rows),), generator=self.generator).numpy()
        else:
            places = torch.rand(len(rows), dtype=torch.float64, generator=self.generator).numpy() * self.cumulative[-1]
            items = np.minimum(np.searchsorted(self.cumulative, places, side="right"), self.n_items - 1)
        return self._claim(rows, items)

    def _draw_by_keys(self, counts: Integers) -> tuple[Integers, Integers]:
        """Draw counts[r] items for each row r: the free ones with the least keys Exponential(1) / share."""
        rows = np.flatnonzero(counts)  # [D]
        keys = torch.empty(len(rows), self.n_items, dtype=torch.float64).exponential_(generator=self.generator).numpy() / self.shares
        keys[self.table.reshape(-1, self.n_items)[rows] != 0] = np.inf
        order = keys.argsort(axis=1)  # [D, M]
        return rows.repeat(counts[rows]), order[np.arange(self.n_items) < counts[rows, None]]
