"""The private training data D_i of all users (CSR), drawn once before training (Sec. III-A), and the batch of a round."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from fedrec.data.drawing import draw_unseen
from fedrec.data.interactions import Interactions
from fedrec.interfaces import ClientBatch


@dataclass(frozen=True, slots=True)
class FederatedData:
    """User u owns pairs starts[u]:starts[u] + sizes[u]: all training positives, then the negatives."""

    starts: Tensor  # [U] int64
    sizes: Tensor  # [U] int64
    items: Tensor  # [P] int32
    positive: Tensor  # [P] bool

    @classmethod
    def draw(cls, train: Interactions, negatives_per_positive: int, generator: Generator) -> "FederatedData":
        """D_i = D_i+ and q negatives per positive from the items the user has not trained on, without replacement.

        A user with fewer such items than that gets all of them.
        """
        n_positives = train.offsets.diff()  # [U]
        counts = n_positives * negatives_per_positive
        offsets, negatives = draw_unseen(counts, train.offsets, train.items, train.n_items, generator)
        sizes = n_positives + offsets.diff()
        starts = sizes.cumsum(0) - sizes
        positive = torch.zeros(int(sizes.sum()), dtype=torch.bool)
        users = torch.arange(train.n_users)
        positive[torch.arange(len(train.items)) + (starts - train.offsets[:-1])[users.repeat_interleave(n_positives)]] = True
        items = torch.empty(len(positive), dtype=torch.int32)
        items[positive], items[~positive] = train.items, negatives
        return cls(starts, sizes, items, positive)

    def to(self, device: torch.device) -> "FederatedData":
        return FederatedData(*(part.to(device) for part in (self.starts, self.sizes, self.items, self.positive)))

    def batch(self, clients: Tensor) -> ClientBatch:
        """The pairs of clients [C]: a pure gather, linear in the pairs returned."""
        sizes = self.sizes[clients]
        offsets = torch.zeros(len(clients) + 1, dtype=torch.int32, device=clients.device)
        torch.cumsum(sizes, 0, dtype=torch.int32, out=offsets[1:])
        shift = self.starts[clients] - offsets[:-1]  # [C]
        n_pairs = int(offsets[-1])
        index = torch.arange(n_pairs, device=clients.device) + shift.repeat_interleave(sizes, output_size=n_pairs)
        return ClientBatch(clients, offsets, self.items[index], self.positive[index].to(torch.get_default_dtype()))
