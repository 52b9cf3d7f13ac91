"""The two types that a data set yields: interactions, as a CSR matrix, and a split of them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

Ids = NDArray[Any]  # how a data set names its users or its items, [n]: int64, or objects that are text

COUNTED_AT_ONCE = 1 << 24  # interactions: counting needs several times their memory


@dataclass(frozen=True, slots=True)
class Interactions:
    """User u interacted with items[offsets[u]:offsets[u + 1]], in order of time; an item may occur twice."""

    offsets: Tensor  # [U + 1] int64
    items: Tensor  # [I] int32 in 0..n_items-1
    n_items: int

    @property
    def n_users(self) -> int:
        return len(self.offsets) - 1

    @property
    def users(self) -> Tensor:
        """The user of each interaction, [I] int64."""
        return torch.arange(self.n_users).repeat_interleave(self.offsets.diff())

    def of(self, users: Tensor) -> "Interactions":
        """Return the interactions of some users [B] int64 only, who become users 0..B-1."""
        sizes = self.offsets.diff()[users]
        offsets = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])
        index = torch.arange(int(offsets[-1])) + (self.offsets[users] - offsets[:-1]).repeat_interleave(sizes)
        return Interactions(offsets, self.items[index], self.n_items)

    def only(self) -> Tensor:
        """Return the one item of each user, [U] int64, -1 for a user without one. Raises ValueError if a user has several.

        >>> Interactions(torch.tensor([0, 1, 1]), torch.tensor([4], dtype=torch.int32), 5).only().tolist()
        [4, -1]
        """
        sizes = self.offsets.diff()
        if len(sizes) and int(sizes.max()) > 1:
            raise ValueError("a user has several items")
        items = torch.full_like(sizes, -1)
        items[sizes == 1] = self.items.long()
        return items

    def popularity(self) -> Tensor:
        """Return the number of interactions of each item, [M] int64."""
        popularity = torch.zeros(self.n_items, dtype=torch.int64)
        for part in self.items.split(COUNTED_AT_ONCE):
            popularity += torch.bincount(part, minlength=self.n_items)
        return popularity

    def popularity_ranks(self) -> Tensor:
        """Return the rank of each item by popularity, 1 = most interactions, ties by item id, [M] int64.

        >>> Interactions(torch.tensor([0, 3]), torch.tensor([2, 2, 0], dtype=torch.int32), 3).popularity_ranks().tolist()
        [2, 3, 1]
        """
        order = torch.argsort(self.popularity(), descending=True, stable=True)
        return torch.empty_like(order).scatter_(0, order, torch.arange(1, self.n_items + 1))


@dataclass(frozen=True, slots=True)
class Split:
    """A data set ready for an experiment. A held-out item is in `train` only if the user also interacted with it earlier."""

    name: str
    train: Interactions
    test: Interactions  # of the same users and items; a user may have none, one or several
    validation: Interactions | None  # the same; None unless asked for
    user_ids: Ids | None = None  # [U], how the files of the data set name each user; None: by its number
    item_ids: Ids | None = None  # [M], the same of each item
    item_titles: Ids | None = None  # [M] objects, text or None, what people call each item; None: nothing is known

    def statistics(self) -> Mapping[str, float]:
        """Return the statistics of all interactions, held-out ones included, as in Table VIII."""
        users, items = self.train.n_users, self.train.n_items
        n = len(self.train.items) + sum(len(held_out.items) for held_out in self._held_out)
        return {"users": users, "items": items, "interactions": n, "rate": n / users, "sparsity": 1 - n / (users * items)}

    def checksum(self) -> str:
        """Return the sha256 of the split, whatever file format it came in."""
        digest = hashlib.sha256(str(self.train.n_items).encode())
        several = any(len(part.items) and int(part.offsets.diff().max()) > 1 for part in self._held_out)
        held_out = [(part.offsets, part.items) if several else (part.only(),) for part in self._held_out]
        for part in (self.train.offsets, self.train.items, *chain.from_iterable(held_out)):
            digest.update(np.ascontiguousarray(part.numpy()).data)
        return digest.hexdigest()

    @property
    def _held_out(self) -> list[Interactions]:
        return [self.test] if self.validation is None else [self.test, self.validation]


class Dataset(Protocol):
    """A source of interactions. A constant `paper` of its class says where they come from, for the catalog."""

    def load(self, generator: Generator) -> Split:
        """Read, download or draw the data. Raises ValueError with the file, the line and what was expected."""
