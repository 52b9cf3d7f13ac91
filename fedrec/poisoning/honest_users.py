"""Malicious clients that look honest: each makes a profile up and trains its own embedding on it, as an honest user would."""

from typing import Any

import torch
from torch import Tensor

from fedrec.data.drawing import draw_unseen
from fedrec.interfaces import AttackerKnowledge, ClientBatch, GlobalModel, LocalGradients
from fedrec.poisoning.fake_users import equal_batch
from fedrec.randomness import generator


class HonestUsers:
    """All malicious clients. A profile is `kappa` random items drawn once, the first half positives, the other half negatives.

    Raises ValueError if the data set has too few items.
    """

    def __init__(self, known: AttackerKnowledge, kappa: int) -> None:
        if not 2 <= kappa <= known.n_items:
            raise ValueError(f"attack.kappa = {kappa}: allowed is from 2 to {known.n_items} (the items)")
        self.known, device, n_drawn = known, known.target_items.device, kappa // 2 * 2
        users, _ = known.model.initialise(known.n_clients, 1, generator(known.seed, "users"))
        self.users = users.to(device)  # [n_clients, d]
        counts, nothing = torch.full((known.n_clients,), n_drawn), torch.zeros(known.n_clients + 1, dtype=torch.int64)
        _, drawn = draw_unseen(counts, nothing, torch.zeros(0, dtype=torch.int32), known.n_items, generator(known.seed, "profiles"))
        self.profiles = drawn.view(known.n_clients, n_drawn).to(device)  # [n_clients, kappa] int32, positives first

    @property
    def positives(self) -> Tensor:
        """The items that each client claims to have met, [n_clients, kappa / 2] int32."""
        return self.profiles[:, : self.profiles.shape[1] // 2]

    def train(self, clients: Tensor, model: GlobalModel, learning_rate: float) -> tuple[ClientBatch, LocalGradients]:
        """Let distinct clients [A] take an honest step; return their training pairs and all their gradients before the step."""
        profiles = self.profiles[clients]
        labels = self.users.new_zeros(profiles.shape)
        labels[:, : profiles.shape[1] // 2] = 1
        batch = equal_batch(profiles, labels)
        gradients = self.known.model.local_gradients(self.users[clients], model, batch, self.known.loss)
        self.users[clients] -= learning_rate * gradients.users
        return batch, gradients

    def state_dict(self) -> dict[str, Any]:
        return {"users": self.users.clone()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.users = state["users"].clone()
