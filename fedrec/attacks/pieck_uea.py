"""PIECK-UEA: user embedding approximation (Sec. IV-D, Eq. 10, Algorithm 3).

The mined items' embeddings stand for the users' that the attacker cannot see. Paper and released code differ: the code cuts
P into batches by popularity, passes over them several times and never clears the accumulated gradient, so that step j of
batches * rounds counts (batches * rounds + 1 - j) / rounds times (`batches`, `rounds`; 1 and 1 is the equation as printed).
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from fedrec.attacks.popular_item_attack import PopularItemAttack
from fedrec.interfaces import GlobalModel, Model, Positive


@dataclass(kw_only=True)
class PieckUEA(PopularItemAttack):
    batches: Positive
    rounds: Positive

    def begin(self, n_clients: int, n_items: int, model: Model, target_items: Tensor) -> None:
        if self.batches > self.N:
            raise ValueError(f"attack.batches = {self.batches}: at most attack.N = {self.N}")
        super().begin(n_clients, n_items, model, target_items)

    def weights(self) -> Tensor:
        """How often each mined item's loss counts, [N]; all 1 for one batch and one round."""
        batch = torch.arange(self.N) * self.batches // self.N  # [N]
        steps = batch + self.batches * torch.arange(self.rounds)[:, None]  # [rounds, N], from 0
        return (self.batches * self.rounds - steps).sum(0) / self.rounds

    def loss(self, popular: Tensor, rows: Tensor, model: GlobalModel) -> Tensor:
        scores = self.model.score(popular[:, :, None], rows[:, None], model.interaction)  # [A, N, T]
        return -(logsigmoid(scores) * self.weights().to(scores)[:, None]).mean((1, 2))  # Eq. (10)
