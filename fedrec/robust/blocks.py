"""Uploads side by side: all items for which equally many clients sent a row make one dense block, so a rule is its equation.

ML-100K has about 100 blocks in a round instead of 1,682 items. Letters in shape comments as in `fedrec.interfaces`; J items that
somebody sent a row for, g of them in a block, n rows for each, p numbers in a row.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from fedrec.segments import ascending, lexicographic_order
from fedrec.uploads import Upload

NUMBERS_AT_ONCE = 4_000_000  # of products between rows that are held at once


@dataclass(frozen=True)
class Block:
    """What n clients sent for each of g items, or, flattened, for one tensor of the interaction function (g = 1)."""

    rows: Tensor  # [g, n, p]
    senders: Tensor  # [g, n] int64 positions in `Upload.clients`, ascending

    @property
    def n(self) -> int:
        return self.rows.shape[1]

    @cached_property
    def ascending(self) -> Tensor:
        """Each coordinate's values, ascending, [g, p, n]."""
        return ascending(self.rows.transpose(1, 2).contiguous() if self.rows.shape[2] > 1 else self.rows.transpose(1, 2).clone())

    @cached_property
    def products(self) -> Tensor:
        """Scalar products of each item's rows, [g, n, n]."""
        return self.rows @ self.rows.mT


@dataclass(frozen=True)
class ItemUploads:
    """Gradient rows by item: those of item items[0] first, in sampling order, then those of items[1] and so on."""

    items: Tensor  # [J] int64, those with few rows first
    sizes: Tensor  # [J] int64, n_j of the paper: how many clients sent a row
    rows: Tensor  # [n, d]
    senders: Tensor  # [n] int64 positions in `Upload.clients`

    @classmethod
    def of(cls, upload: Upload, n_items: int) -> "ItemUploads":
        """Several rows of one client for one item count as their sum: nobody has more than one vote."""
        counts = torch.bincount(upload.items, minlength=n_items)  # [M]
        by_size = counts.argsort(stable=True)
        places = torch.empty_like(by_size)
        places[by_size] = torch.arange(n_items, device=by_size.device)
        keys = places.index_select(0, upload.items)
        order = lexicographic_order(keys, upload.segments)
        senders, keys = upload.segments.index_select(0, order), keys.index_select(0, order)
        again = (keys[1:] == keys[:-1]) & (senders[1:] == senders[:-1])
        rows = upload.rows.index_select(0, order)
        if again.any():
            first = torch.cat([again.new_ones(1), ~again])
            merged = rows.new_zeros(int(first.sum()), rows.shape[1]).index_add_(0, first.cumsum(0) - 1, rows)
            return cls.of(Upload.of_rows(upload.clients, upload.items.index_select(0, order)[first], senders[first], merged), n_items)
        items = by_size[int((counts == 0).sum()) :]
        return cls(items, counts.index_select(0, items), rows, senders)

    def blocks(self) -> Iterator[tuple[Tensor, Block]]:
        """Items [g] and what was sent for them."""
        sizes, counts = self.sizes.unique_consecutive(return_counts=True)
        item = row = 0
        for n, all_of_them in zip(sizes.tolist(), counts.tolist(), strict=True):
            at_once = max(1, NUMBERS_AT_ONCE // n**2)
            for g in (min(at_once, all_of_them - done) for done in range(0, all_of_them, at_once)):
                rows = self.rows[row : row + g * n].view(g, n, -1)
                yield self.items[item : item + g], Block(rows, self.senders[row : row + g * n].view(g, n))
                item, row = item + g, row + g * n
