"""The private training data D_i of all users, drawn once before training (Sec. III-A), and the batch of a round."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Generator, Tensor

from fedrec.data.drawing import draw_unseen, draw_unseen_repeatedly
from fedrec.interfaces import ClientBatch, Interactions
from fedrec.ragged import copy_rows, on_gpu, segment_numbers

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

    @classmethod
    def draw(cls, train: Interactions, negatives_per_positive: int, how: Negatives, generator: Generator) -> "FederatedData":
        """Draw q negatives per positive of D_i+ from the items that the user has not trained on, with or without replacement.

        A user who has trained on all items gets none; without replacement a user with too few other items gets all of them.
        Raises ValueError if all users together have more pairs than can be counted.
        """
        n_positives = train.offsets.diff()  # [U]
        if how == "repeated":
            require_countable(train, negatives_per_positive)
        drawn, negatives = DRAW[how](n_positives * negatives_per_positive, train.offsets, train.items, train.n_items, generator)
        positive = torch.zeros(int(train.offsets[-1] + drawn[-1]), dtype=torch.bool)
        positive[torch.arange(len(train.items)) + drawn[:-1].repeat_interleave(n_positives)] = True
        items = torch.empty(len(positive), dtype=torch.int32)
        items[positive], items[~positive] = train.items, negatives
        return cls.of(train.offsets + drawn, items, positive, train.n_items)

    @classmethod
    def of(cls, offsets: Tensor, items: Tensor, labels: Tensor, n_items: int) -> "FederatedData":
        """Collect the pairs of each user, who may have an item several times; offsets [U + 1], items [P], labels [P] in {0, 1}.

        The positives of a user become the first ones. Raises ValueError if a user has an item as positive and as negative.
        """
        users, negative = segment_numbers(offsets).long(), (labels < 0.5).long()
        keys = ((users * 2 + negative) * n_items + items).numpy()
        order = np.argsort(users.numpy() * 2 + negative.numpy(), kind="stable")
        unique, first, counts = np.unique(keys[order], return_index=True, return_counts=True)
        places = np.argsort(first)  # users, their positives before their negatives, in the order of first appearance
        unique, signed = unique[places], counts[places].astype(np.float64)
        owners, kept = unique // (2 * n_items), unique % n_items
        if (np.diff(np.sort(owners * n_items + kept)) == 0).any():
            raise ValueError("a user has the same item as a positive and as a negative")
        signed[unique // n_items % 2 == 1] *= -1
        sizes = np.bincount(owners, minlength=len(offsets) - 1)
        parts = np.concatenate([[0], sizes.cumsum()]), kept.astype(np.int32), signed
        ends, kept_items, signed_counts = map(torch.from_numpy, parts)
        return cls(ends, kept_items, signed_counts.to(torch.get_default_dtype()), n_items)

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


def require_countable(train: Interactions, negatives_per_positive: int) -> None:
    """Raise ValueError if q negatives for every positive make more pairs than can be counted."""
    if len(train.items) * (1 + negatives_per_positive) > MOST_PAIRS:
        most = MOST_PAIRS // len(train.items) - 1
        raise ValueError(f"system.negatives_per_positive = {negatives_per_positive}: at most {most} for {len(train.items)} interactions")
