"""Which clients take part in a round (Sec. III-A, step 1).

`epoch` (published code): shuffle all clients and cut them into consecutive batches. Everybody takes part once an epoch, and the last
batch is short. `uniform` (paper text): draw the clients of every round anew. A round's draw follows from the seed and the round alone.
"""

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from fedrec.randomness import generator

Sampling = Literal["epoch", "uniform"]


@dataclass
class ClientSampler:
    """Draws the clients of a round; users are clients 0..U-1, and malicious clients follow."""

    n_clients: int
    clients_per_round: int
    mode: Sampling
    seed: int
    order: Tensor | None = None  # [epochs, clients] permutations that are given instead of drawn
    _shuffled: tuple[int, Tensor] = field(init=False, default=(-1, torch.empty(0)))  # an epoch and its permutation

    @property
    def rounds_per_epoch(self) -> int:
        return math.ceil(self.n_clients / self.clients_per_round)

    def sample(self, round: int) -> Tensor:
        """Return distinct client ids [S] for a round; rounds count from 0."""
        if self.order is None and self.mode == "uniform":
            drawing = np.random.default_rng(generator(self.seed, f"sample/{round}").initial_seed())  # torch would permute all clients
            return torch.from_numpy(drawing.choice(self.n_clients, min(self.clients_per_round, self.n_clients), replace=False))
        epoch, position = divmod(round, self.rounds_per_epoch)
        if self._shuffled[0] != epoch:
            self._shuffled = epoch, self._permutation(epoch)
        return self._shuffled[1][position * self.clients_per_round : (position + 1) * self.clients_per_round]

    def _permutation(self, epoch: int) -> Tensor:
        if self.order is not None:
            return self.order[epoch]
        return torch.randperm(self.n_clients, generator=generator(self.seed, f"sample/{epoch}"))
