"""The private training data D_i of all users, drawn once before training (Sec. III-A), and the batch of a round."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from torch import Generator, Tensor

from fedrec.data.drawing import Items, blocks_of_rows, draw_unseen, draw_unseen_repeatedly
from fedrec.data.raw_files import Integers
from fedrec.interfaces import ClientBatch, Interactions
from fedrec.ragged import copy_rows, on_gpu

Negatives = Literal["repeated", "distinct"]
MOST_PAIRS = 2**31 - 1  # of all users: they are counted with 32 bits
DRAW = {"repeated": draw_unseen_repeatedly, "distinct": draw_unseen}


@dataclass(frozen=True)
class FederatedData:
    """User u owns pairs offsets[u]:offsets[u + 1], the training positives before the negatives. No user has an item twice."""

    offsets: Tensor  # [U + 1] int64
    items: Tensor  # [P] int32
    signed_counts: Tensor  # [P] how often a user has a pair: above 0 for a positive, below 0 for a negative; one number travels, not two
    n_items: int

    def __post_init__(self) -> None:
        if len(self.items) > MOST_PAIRS:
            raise ValueError(f"{len(self.items)} pairs of user and item: at most {MOST_PAIRS} can be counted")

    @classmethod
    def draw(cls, train: Interactions, negatives_per_positive: int, how: Negatives, generator: Generator) -> "FederatedData":
        """Draw q negatives per positive of D_i+ from the items that the user has not trained on, with or without replacement.

        A user who has trained on all items gets none; without replacement a user with too few other items gets all of them.
        Raises ValueError if all users together have more pairs than can be counted.
        """
        wanted = train.offsets.diff() * negatives_per_positive  # [U]
        n_negatives = int((wanted if how == "repeated" else wanted.clamp(max=train.n_items)).sum())
        require_countable(len(train.items), negatives_per_positive, n_negatives)
        drawn, negatives = DRAW[how](wanted, train.offsets, train.items, train.n_items, generator)
        ends = train.offsets + drawn
        items, signed_counts = torch.empty(int(ends[-1]), dtype=torch.int32), torch.empty(int(ends[-1]))  # one copy, a bit too long
        sizes, filled = [np.zeros(1, np.int64)], 0
        for users in blocks_of_rows(ends.diff().numpy()):
            part = _merge(*_pairs_of(users, train, drawn, negatives), train.n_items)
            last = filled + len(part[1])
            items[filled:last], signed_counts[filled:last] = torch.from_numpy(part[1]), torch.from_numpy(part[2])
            sizes, filled = [*sizes, part[0]], last
        return cls(torch.from_numpy(np.concatenate(sizes).cumsum()), items[:filled], signed_counts[:filled], train.n_items)

    @classmethod
    def of(cls, offsets: Tensor, items: Tensor, labels: Tensor, n_items: int) -> "FederatedData":
        """Collect the pairs of each user, who may have an item several times; offsets [U + 1], items [P], labels [P] in {0, 1}.

        The positives of a user become the first ones. Raises ValueError if a user has an item as positive and as negative.
        """
        sizes, kept, signed = _merge(offsets.diff().numpy(), items.numpy(), labels.numpy() > 0.5, n_items)
        pairs = np.sort(np.arange(len(sizes)).repeat(sizes) * n_items + kept)
        if (np.diff(pairs) == 0).any():
            raise ValueError("a user has the same item as a positive and as a negative")
        ends = torch.from_numpy(np.append(0, sizes.cumsum()))
        return cls(ends, torch.from_numpy(kept), torch.from_numpy(signed).to(torch.get_default_dtype()), n_items)

    def to(self, device: torch.device) -> "FederatedData":
        return FederatedData(self.offsets.to(device), self.items.to(device), self.signed_counts.to(device), self.n_items)

    def batch(self, clients: Tensor) -> ClientBatch:
        """Gather the pairs of clients [C], in time linear in their number."""
        offsets, items, signed = self._rows(clients) if on_gpu(self.items) else copy_rows(self._matrix, clients)
        return ClientBatch(clients, offsets, items, signed.clamp(0, 1), signed.abs())

    def _rows(self, clients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return offsets [C + 1], items [E] and signed counts [E] of clients [C] on a GPU."""
        starts = self.offsets[clients]
        sizes = self.offsets[clients + 1] - starts  # [C]
        offsets = torch.zeros(len(clients) + 1, dtype=torch.int32, device=clients.device)
        torch.cumsum(sizes, 0, dtype=torch.int32, out=offsets[1:])
        n_pairs = int(offsets[-1])
        index = torch.arange(n_pairs, device=clients.device) + (starts - offsets[:-1]).repeat_interleave(sizes, output_size=n_pairs)
        return offsets, self.items[index], self.signed_counts[index]

    @cached_property
    def _matrix(self) -> csr_matrix:
        parts = self.signed_counts.numpy(), self.items.numpy(), self.offsets.int().numpy()
        return csr_matrix(parts, shape=(len(self.offsets) - 1, self.n_items))


def require_countable(n_interactions: int, negatives_per_positive: int, n_negatives: int) -> None:
    """Raise ValueError if n_interactions to train on and n_negatives are more pairs than can be counted."""
    if n_interactions > MOST_PAIRS // 2:
        raise ValueError(f"dataset: {n_interactions} interactions to train on; at most {MOST_PAIRS // 2}: pairs are counted with 32 bits")
    if n_interactions + n_negatives > MOST_PAIRS:
        most = MOST_PAIRS // n_interactions - 1
        raise ValueError(f"system.negatives_per_positive = {negatives_per_positive}: at most {most} for {n_interactions} interactions")


def _pairs_of(users: slice, train: Interactions, drawn: Tensor, negatives: Tensor) -> tuple[Integers, Items, NDArray[np.bool_]]:
    """Return the number of pairs of each user of a block [B], their items [P], positives before negatives, and which are positive [P]."""
    of_both = (train.offsets, train.items), (drawn, negatives)
    ends = [offsets[users.start : users.stop + 1].numpy() for offsets, _ in of_both]
    sizes = np.stack([np.diff(one) for one in ends], 1)  # [B, 2]
    positive = np.tile([True, False], len(sizes)).repeat(sizes.ravel())
    items = np.empty(len(positive), np.int32)
    for which, end, (_, values) in zip((positive, ~positive), ends, of_both, strict=True):
        items[which] = values[end[0] : end[-1]].numpy()
    return sizes.sum(1), items, positive


def _merge(
    sizes: Integers, items: Integers | Items, positive: NDArray[np.bool_], n_items: int
) -> tuple[Integers, Items, NDArray[np.float64]]:
    """Merge what a user has several times; sizes [B], items [P] and which are positive [P] -> sizes [B], items and signed counts.

    The positives of a user stand before the negatives, and both in the order of first appearance.
    """
    owners = np.arange(len(sizes)).repeat(sizes)
    order = np.argsort(owners * 2 + ~positive, kind="stable")
    owners, items, positive = owners[order], items[order], positive[order]
    keys = (owners * 2 + ~positive) * n_items + items
    ascending = keys.argsort(kind="stable")
    starts = np.flatnonzero(np.diff(keys[ascending], prepend=-1))
    counts = np.zeros(len(keys))
    counts[ascending[starts]] = np.diff(starts, append=len(keys))  # where a pair stands first, how often there is one
    kept = np.flatnonzero(counts)
    signed = np.where(positive, counts, -counts)[kept]
    return np.bincount(owners[kept], minlength=len(sizes)), items[kept].astype(np.int32), signed
