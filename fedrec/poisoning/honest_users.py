"""Malicious clients that look honest: each makes a profile up and trains its own embedding on it, as an honest user would.

The papers' malicious clients have the profiles of real users. Positives that are drawn by popularity come near to that
(`prior=popularity`). Without it positives are drawn uniformly, and the clients learn nothing of what benign users like.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Generator, Tensor

from fedrec.data.drawing import draw_unseen
from fedrec.interfaces import Attack, AttackerKnowledge, ClientBatch, GlobalModel, LocalGradients, Number, Positive, PriorWanted
from fedrec.poisoning.fake_users import equal_batch
from fedrec.randomness import generator

LEAST = 1e-9  # weight of an item without interactions


class HonestUsers:
    """All malicious clients. A profile is `kappa` items drawn once, the first half positives, the other half negatives.

    With `own_items` the positives are a client's own items under a model of users' graphs, so that it sends what an honest client sends.
    Without them it has none, and its embedding becomes what a user and its graph make together: that is what virtual users resemble.
    Raises ValueError if the data set has too few items.
    """

    def __init__(self, known: AttackerKnowledge, kappa: int, *, own_items: bool) -> None:
        self.kappa, self.own_items = kappa, own_items
        if not 2 <= kappa <= known.n_items:
            raise ValueError(f"attack.kappa = {kappa}: allowed is from 2 to {known.n_items} (the items)")
        self.known, device = known, known.target_items.device
        users, _ = known.model.initialise(known.n_clients, 1, generator(known.seed, "users"))
        self.users = users.to(device)  # [n_clients, d]
        drawing, weights = generator(known.seed, "profiles"), known.prior.popularity
        positives = self._draw(torch.zeros(known.n_clients, 0, dtype=torch.int32), drawing, weights)
        negatives = self._draw(positives, drawing, None)
        self.profiles = torch.cat([positives, negatives], 1).to(device)  # [n_clients, kappa] int32

    def _draw(self, taken: Tensor, drawing: Generator, weights: Tensor | None) -> Tensor:
        """Draw kappa / 2 more items beside those taken [n_clients, k], proportionally to weights [M]; items with weight 0 come last."""
        n_clients, n_taken = taken.shape
        counts, offsets = torch.full((n_clients,), self.kappa // 2), torch.arange(n_clients + 1) * n_taken
        shares = None if weights is None else weights.cpu().double().clamp(min=LEAST)
        _, drawn = draw_unseen(counts, offsets, taken.flatten(), self.known.n_items, drawing, shares)
        return drawn.view(n_clients, self.kappa // 2)

    def train(self, clients: Tensor, model: GlobalModel, learning_rate: float) -> tuple[ClientBatch, LocalGradients]:
        """Let distinct clients [A] take an honest step; return their training pairs and all their gradients before the step."""
        profiles = self.profiles[clients]
        labels = self.users.new_zeros(profiles.shape)
        labels[:, : profiles.shape[1] // 2] = 1
        batch = equal_batch(profiles, labels, self.own_items)
        gradients = self.known.model.local_gradients(self.users[clients], model, batch, self.known.loss)
        self.users[clients] -= learning_rate * gradients.users
        return batch, gradients

    def state_dict(self) -> dict[str, Any]:
        return {"users": self.users.clone()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.users = state["users"].clone()


@dataclass(kw_only=True)
class HonestProfilesAttack(Attack):
    """An untargeted attack of clients that look honest."""

    promotes = False

    num_targets: Number
    prior: Literal["masked", "popularity"]
    kappa: Positive
    honest: HonestUsers = field(init=False)  # from `setup` on

    def prior_wanted(self) -> PriorWanted:
        return PriorWanted(popularity=self.prior == "popularity")
