"""PIPA (PipAttack): malicious clients become users that like the targets, may make them look popular, and may keep them near.

Zhang et al., "PipAttack: Poisoning Federated Recommender Systems for Manipulating Item Promotion", WSDM 2022. Explicit promotion:
each malicious client starts with an embedding from N(0, user_std^2) and trains it and the target rows so that it likes the targets.
The loss is the binary cross-entropy behind a sigmoid, never the logarithm of a raw score. Popularity obfuscation
(`prior=popularity`): a classifier learns each item's level of popularity from its embedding, and the clients move the targets to where
it says `high`. PIECK's tables mask the levels, which leaves explicit promotion alone.

Distance constraint (`distance` above 0): a poisoned target stays near the benign one. At the row that a client receives a distance from
that row has no slope, so the benign row is taken to be where the target were without all that the clients have uploaded for it so far: they
know how far they have moved it if the server adds up and takes plain steps. The A clients of a round share the gradient of distance / 2
times the squared distance between both. `attack=pip_attack` has all three terms.
"""

from dataclasses import dataclass, field
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from fedrec.interfaces import Attack, AttackerKnowledge, AttackerView, NonNegative, Positive, PriorWanted, Rate, Upload
from fedrec.poisoning.fake_users import fake_gradients, promotion_loss, target_upload
from fedrec.poisoning.popularity_estimator import PopularityEstimator
from fedrec.randomness import generator


@dataclass(kw_only=True)
class PipAttack(Attack):
    paper = "Zhang et al., WSDM 2022"
    knowledge = "items' popularity (masked by default)"
    applies_to = "MF-FRS, DL-FRS, Fed-LightGCN"
    memory = ("users", "estimator", "moved")

    prior: Literal["masked", "popularity"]
    user_std: Rate
    alignment: NonNegative
    distance: NonNegative
    high_share: Annotated[float, Field(gt=0, lt=1)]
    medium_share: Annotated[float, Field(gt=0, lt=1)]
    hidden: Positive
    estimator_rate: Rate
    estimator_steps: Positive
    users: Tensor = field(init=False)  # [n_clients, d]
    estimator: PopularityEstimator | None = field(init=False, default=None)
    moved: Tensor = field(init=False)  # [T, d], by which the clients have moved the targets so far; 0 without a distance term

    def prior_wanted(self) -> PriorWanted:
        return PriorWanted(popularity=self.prior == "popularity")

    def setup(self, known: AttackerKnowledge) -> None:
        if self.high_share + self.medium_share >= 1:
            raise ValueError(f"attack.medium_share = {self.medium_share}: with attack.high_share = {self.high_share} it must stay below 1")
        super().setup(known)
        like, _ = known.model.initialise(known.n_clients, 1, generator(known.seed, "shape"))  # [n_clients, d]
        drawn = torch.randn(like.shape, generator=generator(known.seed, "users"))
        self.users = (self.user_std * drawn).to(known.target_items.device)
        self.moved = self.users.new_zeros(len(known.target_items), like.shape[1])
        if (ranks := known.prior.popularity_ranks) is not None:
            options = (like.shape[1], self.hidden, self.estimator_rate, self.estimator_steps)
            self.estimator = PopularityEstimator(self.levels(ranks), known.target_items, *options, generator(known.seed, "estimator"))

    def levels(self, ranks: Tensor) -> Tensor:
        """Return the level of each item by its popularity rank, 0 = high, 1 = medium, 2 = low; [M] -> [M]."""
        bounds = torch.tensor([self.high_share, self.high_share + self.medium_share], dtype=torch.float64, device=ranks.device)
        return torch.bucketize((ranks - 0.5) / len(ranks), bounds)

    def poison(self, view: AttackerView) -> Upload:
        targets = self.known.target_items
        fake = fake_gradients(self.known.model, self.users[view.clients, None], targets, view.model, promotion_loss)
        self.users[view.clients] -= view.learning_rate * fake.users[:, 0]
        rows = fake.rows[:, 0]  # [A, T, d]
        if self.estimator is not None and len(view.clients):
            self.estimator.fit(view.model.items)
            rows = rows + self.alignment * self.estimator.alignment_gradient(view.model.items[targets])
        if self.distance and len(view.clients):
            rows = rows + self.distance / len(view.clients) * self.moved
            self.moved -= (view.server_learning_rate or view.learning_rate) * rows.sum(0)
        return target_upload(view.clients, torch.arange(len(view.clients), device=rows.device), targets, rows, {})
