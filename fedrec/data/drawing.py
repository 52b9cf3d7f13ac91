"""Draws of items that a user has not seen: negatives D_i^- (Sec. III-A), ranking candidates, synthetic interactions.

`draw_unseen_repeatedly` draws with replacement. `draw_unseen` draws distinct items: the result is distributed as if one item after
another were drawn without replacement. For that, items are drawn with replacement for all rows at once, and those already taken are
dropped. A row that would need more than n_items / 2 tries gets one random key per item instead (Efraimidis and Spirakis, "Weighted
random sampling with a reservoir", IPL 2006), so that no row loops for long. Both work on blocks of rows, so memory is that of the result.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from fedrec.data.raw_files import Integers
from fedrec.data.taken_items import SortedPairs, Table

Items = NDArray[np.int32]

TABLE_SIZE = 1 << 22  # entries of the table of taken items: bounds memory whatever the number of rows
MANY_ITEMS = 50_000  # from so many on the table would hold few rows: taken items are sorted instead
DRAWN_AT_ONCE = 1 << 18  # items


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
    offsets, seen, wanted = seen_offsets.numpy(), seen_items.numpy(), counts.numpy()
    drawing = _Drawing(n_items, generator, weights)
    sizes, items = [np.zeros(1, np.int64)], [np.zeros(0, np.int32)]
    for rows in _blocks(wanted, offsets, n_items):
        ends = offsets[rows.start : rows.stop + 1]  # [B + 1]
        drawn = drawing.draw(wanted[rows], np.diff(ends), seen[ends[0] : ends[-1]])
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
    offsets, seen, wanted = seen_offsets.numpy(), seen_items.numpy(), counts.numpy()
    sizes, items = [np.zeros(1, np.int64)], [np.zeros(0, np.int32)]
    for rows in blocks_of_rows(wanted + np.diff(offsets)):
        ends = offsets[rows.start : rows.stop + 1]
        drawn = _draw_block_repeatedly(wanted[rows], np.diff(ends), seen[ends[0] : ends[-1]], n_items, generator)
        sizes.append(drawn[0])
        items.append(drawn[1])
    return torch.from_numpy(np.concatenate(sizes).cumsum()), torch.from_numpy(np.concatenate(items))


def blocks_of_rows(loads: Integers) -> Iterator[slice]:
    """Yield blocks of rows, in order; rows have loads [R], and a block has about DRAWN_AT_ONCE, or one row.

    >>> [(rows.start, rows.stop) for rows in blocks_of_rows(np.array([DRAWN_AT_ONCE, 0, 5, 7]))]
    [(0, 2), (2, 4)]
    """
    begun = (loads.cumsum() - 1) // DRAWN_AT_ONCE
    ends = [*(np.flatnonzero(np.diff(begun)) + 1).tolist(), len(loads)]
    for first, last in zip([0, *ends[:-1]], ends, strict=True):
        yield slice(first, last)


def _blocks(counts: Integers, offsets: Integers, n_items: int) -> Iterator[slice]:
    if n_items >= MANY_ITEMS:
        yield from blocks_of_rows(np.minimum(counts, n_items) + np.diff(offsets))
        return
    at_once = max(1, TABLE_SIZE // n_items)
    for first in range(0, len(counts), at_once):
        yield slice(first, min(first + at_once, len(counts)))


def _draw_block_repeatedly(
    counts: Integers, seen_sizes: Integers, seen: Items, n_items: int, generator: Generator
) -> tuple[Integers, Items]:
    """Return the sizes [B] and the items of one block. All its random numbers come from one call, or from several: they are the same."""
    n_rows = len(counts)
    keys = np.sort(np.arange(n_rows).repeat(seen_sizes) * n_items + seen)
    keys = keys[np.diff(keys, prepend=-1) > 0]
    owners, items = np.divmod(keys, n_items)
    n_seen = np.bincount(owners, minlength=n_rows)  # [B]
    starts = n_seen.cumsum() - n_seen
    # Number r of a row's unseen items follows as many seen ones as there are k with items[k] - k <= r; k counts the row's seen items.
    before = owners * (n_items + 1) + items - (np.arange(len(keys)) - starts[owners])  # ascending
    sizes = counts * (n_seen < n_items)
    rows = np.arange(n_rows).repeat(sizes)
    drawn = torch.rand(len(rows), dtype=torch.float64, generator=generator).numpy()
    numbers = (drawn * (n_items - n_seen)[rows]).astype(np.int64)
    skipped = np.searchsorted(before, rows * (n_items + 1) + numbers, side="right") - starts[rows]
    return sizes, (numbers + skipped).astype(np.int32)


class _Drawing:
    """Draws for one block of B rows at a time."""

    def __init__(self, n_items: int, generator: Generator, weights: Tensor | None) -> None:
        self.n_items, self.generator, self.uniform = n_items, generator, weights is None
        self.taken = SortedPairs(n_items) if n_items >= MANY_ITEMS else Table(n_items)
        shares = np.ones(n_items) if weights is None else weights.double().numpy()
        self.shares: NDArray[np.float64] = shares / shares.sum()  # [M]
        self.cumulative: NDArray[np.float64] = self.shares.cumsum()  # [M]

    def draw(self, counts: Integers, seen_sizes: Integers, seen: Items) -> tuple[Integers, Items]:
        """Return the sizes [B] and the items of one block."""
        n_rows = len(counts)
        self.taken.begin(n_rows)
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
        return sizes, items

    def _claim(self, rows: Integers, items: Integers | Items) -> tuple[Integers, Integers | Items]:
        """Take the pairs of row and item that are free, the first of equal ones, and return them."""
        new = self.taken.claim(rows * self.n_items + items)
        return rows[new], items[new]

    def _draw_by_rejection(self, tries: Integers) -> tuple[Integers, Integers | Items]:
        """Draw tries[r] items with replacement for each row r, and return those that were free, in order of draw."""
        rows = np.arange(len(tries)).repeat(tries)
        if self.uniform:
            items = torch.randint(self.n_items, (len(rows),), generator=self.generator).numpy()
        else:
            places = torch.rand(len(rows), dtype=torch.float64, generator=self.generator).numpy() * self.cumulative[-1]
            items = np.minimum(self._find(places), self.n_items - 1)
        return self._claim(rows, items)

    def _find(self, places: NDArray[np.float64]) -> Integers:
        """Return the item that each place on the line of cumulative shares belongs to, [n] -> [n]."""
        if self.n_items < MANY_ITEMS:
            return np.searchsorted(self.cumulative, places, side="right")
        order = places.argsort()  # a long line is read from its beginning to its end
        items = np.empty(len(places), np.int64)
        items[order] = np.searchsorted(self.cumulative, places[order], side="right")
        return items

    def _draw_by_keys(self, counts: Integers) -> tuple[Integers, Integers]:
        """Draw counts[r] items for each row r: the free ones with the least keys Exponential(1) / share."""
        rows = np.flatnonzero(counts)  # [D]
        at_once = max(1, TABLE_SIZE // self.n_items)
        parts = [self._smallest_keys(rows[first : first + at_once], counts) for first in range(0, len(rows), at_once)]
        return rows.repeat(counts[rows]), np.concatenate([*parts, np.zeros(0, np.int64)])

    def _smallest_keys(self, rows: Integers, counts: Integers) -> Integers:
        """Return the items with the counts[r] least keys of each of these rows [D]; counts [B]."""
        keys = torch.empty(len(rows), self.n_items, dtype=torch.float64).exponential_(generator=self.generator).numpy() / self.shares
        keys[self.taken.among(rows)] = np.inf
        order = keys.argsort(axis=1)  # [D, M]
        return order[np.arange(self.n_items) < counts[rows, None]]
