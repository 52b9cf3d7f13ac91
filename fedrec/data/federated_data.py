"""The private training data D_i of all users, drawn once before training (Sec. III-A), and the batch of a round."""

from dataclasses import dataclass
from functools import cached_property

import torch
from scipy.sparse import csr_matrix
from torch import Generator, Tensor

from fedrec.data.drawing import draw_unseen
from fedrec.interfaces import ClientBatch, Interactions
from fedrec.ragged import on_gpu


@dataclass(frozen=True)
class FederatedData:
    """User u owns pairs offsets[u]:offsets[u + 1], the training positives before the negatives."""

    offsets: Tensor  # [U + 1] int64
    items: Tensor  # [P] int32
    labels: Tensor  # [P] in {0, 1}
    n_items: int

    @classmethod
    def draw(cls, train: Interactions, negatives_per_positive: int, generator: Generator) -> "FederatedData":
        """Draw q negatives per positive of D_i+ from the items the user has not trained on, all of them if there are too few."""
        n_positives = train.offsets.diff()  # [U]
        drawn, negatives = draw_unseen(n_positives * negatives_per_positive, train.offsets, train.items, train.n_items, generator)
        offsets = train.offsets + drawn  # [U + 1]
        positive = torch.zeros(int(offsets[-1]), dtype=torch.bool)
        positive[torch.arange(len(train.items)) + drawn[:-1].repeat_interleave(n_positives)] = True
        items = torch.empty(len(positive), dtype=torch.int32)
        items[positive], items[~positive] = train.items, negatives
        return cls(offsets, items, positive.to(torch.get_default_dtype()), train.n_items)

    def to(self, device: torch.device) -> "FederatedData":
        return FederatedData(self.offsets.to(device), self.items.to(device), self.labels.to(device), self.n_items)

    def batch(self, clients: Tensor) -> ClientBatch:
        """Gather the pairs of clients [C], in time linear in their number."""
        if not on_gpu(self.items):
            rows = self._matrix[clients.numpy()]  # SciPy copies whole rows in compiled code
            return ClientBatch(clients, *(torch.from_numpy(part) for part in (rows.indptr, rows.indices, rows.data)))
        starts = self.offsets[clients]
        sizes = self.offsets[clients + 1] - starts  # [C]
        offsets = torch.zeros(len(clients) + 1, dtype=torch.int32, device=clients.device)
        torch.cumsum(sizes, 0, dtype=torch.int32, out=offsets[1:])
        n_pairs = int(offsets[-1])
        index = torch.arange(n_pairs, device=clients.device) + (starts - offsets[:-1]).repeat_interleave(sizes, output_size=n_pairs)
        return ClientBatch(clients, offsets, self.items[index], self.labels[index])

    @cached_property
    def _matrix(self) -> csr_matrix:
        parts = self.labels.numpy(), self.items.numpy(), self.offsets.int().numpy()
        return csr_matrix(parts, shape=(len(self.offsets) - 1, self.n_items))
