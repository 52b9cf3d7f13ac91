"""What the classic fake-profile attacks share: malicious clients train as honest users of the targets and of filler items would.

A client's profile is its D_i: the targets and fillers as positives and as many other items as negatives, `kappa` in all, drawn once.
The attacks differ in how many fillers are popular items. Without prior knowledge of these a client mines them first (Algorithm 1 of
Zhang et al., PIECK, ICDE 2024) and stays silent until then.
"""

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from fedrec.data.drawing import draw_unseen
from fedrec.interfaces import Attack, AttackerKnowledge, AttackerView, Positive, PriorWanted, ReplacedRows, RowGroup, ScorerPart, Upload
from fedrec.mining import PopularItemMiner
from fedrec.poisoning.fake_users import equal_batch
from fedrec.randomness import generator

MINING_TIMES = 2  # R~ of Algorithm 1
NOTHING = -1  # in place of an item


@dataclass(kw_only=True)
class FakeProfiles(Attack):
    applies_to = "MF-FRS, DL-FRS, Fed-LightGCN"
    memory = ("users", "profiles", "miner")
    keeps_models = False

    kappa: Positive
    users: Tensor = field(init=False)  # [n_clients, d]
    profiles: Tensor = field(init=False)  # [n_clients, kappa] int32, positives first; NOTHING for a client without a profile
    miner: PopularItemMiner | None = field(init=False, default=None)

    @abstractmethod
    def n_popular(self, n_fillers: int) -> int:
        """Return how many of a profile's fillers are popular items."""

    def setup(self, known: AttackerKnowledge) -> None:
        super().setup(known)
        n_targets, half, ranks = len(known.target_items), self.kappa // 2, known.prior.popularity_ranks
        if 2 * n_targets > known.n_items:
            too_many = f"{n_targets} targets need as many other items again, and there are {known.n_items} items"
            raise ValueError(f"attack.num_targets, attack.targets: {too_many}; take at most {known.n_items // 2} targets")
        if n_targets > half or self.kappa > known.n_items:
            allowed = f"from {2 * n_targets} (twice the targets) to {known.n_items} (the items)"
            raise ValueError(f"attack.kappa = {self.kappa}: allowed is {allowed}")
        users, _ = known.model.initialise(known.n_clients, 1, generator(known.seed, "users"))
        self.users = users.to(known.target_items.device)
        self.profiles = torch.full((known.n_clients, 2 * half), NOTHING, dtype=torch.int32)
        n_popular = self.n_popular(half - n_targets)
        if n_popular and ranks is None:
            self.miner = PopularItemMiner(known.n_clients, known.n_items, n_popular, MINING_TIMES, excluded=known.target_items)
            return
        popular = torch.arange(0) if ranks is None else ranks.index_fill(0, known.target_items, len(ranks) + 1).argsort()[:n_popular].cpu()
        self._draw(torch.arange(known.n_clients), popular.int().expand(known.n_clients, -1), "profiles")

    def _draw(self, clients: Tensor, popular: Tensor, name: str) -> None:
        """Draw the profiles of clients [A] around their popular items [A, P]."""
        fixed = torch.cat([self.known.target_items.cpu().int().expand(len(clients), -1), popular], 1)
        n_drawn = self.profiles.shape[1] - fixed.shape[1]
        offsets = torch.arange(len(clients) + 1) * fixed.shape[1]
        counts, drawing = torch.full_like(clients, n_drawn), generator(self.known.seed, name)
        _, drawn = draw_unseen(counts, offsets, fixed.flatten(), self.known.n_items, drawing)
        self.profiles[clients] = torch.cat([fixed, drawn.view(len(clients), n_drawn)], 1)

    def follow(self, replaced: ReplacedRows) -> None:
        if self.miner is not None:
            self.miner.follow(replaced)

    def poison(self, view: AttackerView) -> Upload:
        clients, device = view.clients.cpu(), self.users.device
        if self.miner is not None:
            self.miner.observe(view.round, clients, view.model.items)
            mined = clients[self.miner.ready(clients) & (self.profiles[clients, 0] == NOTHING)].sort().values
            if len(mined):
                self._draw(mined, self.miner.mined[mined], f"profiles/{view.round}")
        active = (self.profiles[clients, 0] != NOTHING).nonzero().flatten()  # [A] positions in view.clients
        profiles, owners = self.profiles[own := clients[active]].to(device), active.to(device)
        labels = self.users.new_zeros(profiles.shape)
        labels[:, : profiles.shape[1] // 2] = 1
        batch = equal_batch(profiles, labels, positives_are_own=True)
        gradients = self.known.model.local_gradients(self.users[own], view.model, batch, self.known.loss)
        self.users[own] -= view.learning_rate * gradients.users
        scorer = () if gradients.scorer is None else (ScorerPart(owners, gradients.scorer),)
        return Upload(view.clients, (RowGroup(owners, batch.offsets, batch.items, gradients.rows),), scorer)

    def mined_items(self) -> Tensor | None:
        return self.miner.mined[self.miner.has_mined] if self.miner else None


@dataclass(kw_only=True)
class PopularProfiles(FakeProfiles):
    """Fake profiles with popular fillers, which are known (`prior=popularity`) or mined."""

    knowledge = "items' popularity (mined by default)"

    prior: Literal["masked", "popularity"]

    def prior_wanted(self) -> PriorWanted:
        return PriorWanted(popularity=self.prior == "popularity")
