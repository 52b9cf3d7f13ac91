"""Classic fake-profile attacks: malicious clients train as honest users would who have interacted with the targets and filler items.

A profile is a client's D_i: targets and fillers as positives, as many other items as negatives, `kappa` in all, drawn once. How
many fillers are popular ones, and how the attacker knows these, is what the attacks differ in. Without prior knowledge a client
mines them first (Algorithm 1) and stays silent until then.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from fedrec.data.drawing import draw_unseen
from fedrec.interfaces import Attack, AttackerKnowledge, AttackerView, ClientBatch, Positive, RowGroup, ScorerPart, Upload
from fedrec.mining import PopularItemMiner
from fedrec.randomness import generator

MINING_TIMES = 2  # R~ of Algorithm 1


@dataclass(kw_only=True)
class FakeProfiles(Attack):
    applies_to: ClassVar[str] = "MF-FRS, DL-FRS"

    kappa: Positive
    known: AttackerKnowledge = field(init=False)
    users: Tensor = field(init=False)  # [n_clients, d]
    profiles: Tensor = field(init=False)  # [n_clients, kappa] int32, positives first
    has_profile: Tensor = field(init=False)  # [n_clients] bool
    miner: PopularItemMiner | None = field(init=False, default=None)

    @abstractmethod
    def n_popular(self, n_fillers: int) -> int:
        """How many of a profile's fillers are popular items."""

    def setup(self, known: AttackerKnowledge) -> None:
        self.known = known
        n_targets, half = len(known.target_items), self.kappa // 2
        if n_targets > half or self.kappa > known.n_items:
            limits = f"from {2 * n_targets} (twice the targets) to {known.n_items} (the items)"
            raise ValueError(f"attack.kappa = {self.kappa}: allowed is {limits}")
        users, _ = known.model.initialise(known.n_clients, 1, generator(known.seed, "users"))
        self.users = users.to(known.target_items.device)
        self.profiles = torch.zeros(known.n_clients, 2 * half, dtype=torch.int32)
        self.has_profile = torch.zeros(known.n_clients, dtype=torch.bool)
        everybody, n_popular = torch.arange(known.n_clients), self.n_popular(half - n_targets)
        if not n_popular:
            self._draw(everybody, torch.empty(known.n_clients, 0, dtype=torch.int32), "profiles")
        elif known.prior.popularity_ranks is not None:
            ranks = known.prior.popularity_ranks.cpu().clone()
            ranks[known.target_items.cpu()] = len(ranks) + 1
            self._draw(everybody, ranks.argsort()[:n_popular].int().expand(known.n_clients, -1), "profiles")
        else:
            self.miner = PopularItemMiner(known.n_clients, known.n_items, n_popular, MINING_TIMES, excluded=known.target_items)

    def _draw(self, clients: Tensor, popular: Tensor, name: str) -> None:
        """Profiles of clients [A] around their popular items [A, P]."""
        targets = self.known.target_items.cpu().int().expand(len(clients), -1)
        fixed = torch.cat([targets, popular], 1)
        counts = torch.full((len(clients),), self.profiles.shape[1] - fixed.shape[1])
        offsets = torch.arange(len(clients) + 1) * fixed.shape[1]
        _, drawn = draw_unseen(counts, offsets, fixed.flatten(), self.known.n_items, generator(self.known.seed, name))
        self.profiles[clients] = torch.cat([fixed, drawn.view(len(clients), self.profiles.shape[1] - fixed.shape[1])], 1)
        self.has_profile[clients] = True

    def poison(self, view: AttackerView) -> Upload:
        clients = view.clients.cpu()
        if self.miner is not None:
            self.miner.observe(view.round, clients, view.model.items)
            mined = clients[self.miner.ready(clients) & ~self.has_profile[clients]].sort().values
            if len(mined):
                self._draw(mined, self.miner.mined[mined], f"profiles/{view.round}")
        active = self.has_profile[clients].nonzero().flatten()  # [A] positions in view.clients
        batch = self._batch(clients[active])
        gradients = self.known.model.local_gradients(self.users[batch.clients], view.model, batch, self.known.loss)
        self.users[batch.clients] -= view.learning_rate * gradients.users
        owners = active.to(self.users.device)
        scorer = () if gradients.scorer is None else (ScorerPart(owners, gradients.scorer),)
        return Upload(view.clients, (RowGroup(owners, batch.offsets, batch.items, gradients.rows),), scorer)

    def _batch(self, clients: Tensor) -> ClientBatch:
        device, size = self.users.device, self.profiles.shape[1]
        offsets = torch.arange(0, len(clients) * size + 1, size, dtype=torch.int32, device=device)
        labels = torch.zeros(len(clients), size, dtype=self.users.dtype, device=device)
        labels[:, : size // 2] = 1
        return ClientBatch(clients.to(device), offsets, self.profiles[clients].flatten().to(device), labels.flatten())

    def state_dict(self) -> dict[str, Any]:
        state = {name: getattr(self, name).clone() for name in ("users", "profiles", "has_profile")}
        return {**state, "miner": self.miner.state_dict() if self.miner else {}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        for name in ("users", "profiles", "has_profile"):
            setattr(self, name, state[name].clone())
        if self.miner:
            self.miner.load_state_dict(state["miner"])
