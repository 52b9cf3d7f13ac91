"""PIPA (PipAttack): explicit promotion, and with prior knowledge popularity obfuscation.

Zhang et al., "PipAttack: Poisoning Federated Recommender Systems for Manipulating Item Promotion", WSDM 2022. Explicit promotion:
each malicious client is a user of its own, starts at N(0, 1), and trains its embedding and the target rows so that it likes the
targets: binary cross-entropy behind a sigmoid, never the logarithm of a raw score. Popularity obfuscation (`prior=popularity`): a
small classifier learns an item's level of popularity (high, medium, low) from its embedding, and the targets' embeddings are moved
to where it says `high`. PIECK's tables mask the levels, which leaves explicit promotion alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from fedrec.interfaces import Attack, AttackerKnowledge, AttackerView, NonNegative, Positive, PriorWanted, Rate, Upload
from fedrec.poisoning.fake_users import fake_gradients, promotion_loss, target_upload
from fedrec.poisoning.popularity_estimator import PopularityEstimator
from fedrec.randomness import generator


@dataclass(kw_only=True)
class PipAttack(Attack):
    paper: ClassVar[str] = "Zhang et al., WSDM 2022"
    knowledge: ClassVar[str] = "items' popularity (masked by default)"
    applies_to: ClassVar[str] = "MF-FRS, DL-FRS"

    prior: Literal["masked", "popularity"]
    user_std: Rate
    alignment: NonNegative
    high_share: Annotated[float, Field(gt=0, lt=1)]
    medium_share: Annotated[float, Field(gt=0, lt=1)]
    hidden: Positive
    estimator_rate: Rate
    estimator_steps: Positive
    known: AttackerKnowledge = field(init=False)
    users: Tensor = field(init=False)  # [n_clients, d]
    estimator: PopularityEstimator | None = field(init=False, default=None)

    def prior_wanted(self) -> PriorWanted:
        return PriorWanted(popularity=self.prior == "popularity")

    def setup(self, known: AttackerKnowledge) -> None:
        if self.high_share + self.medium_share >= 1:
            raise ValueError(f"attack.medium_share = {self.medium_share}: with attack.high_share = {self.high_share} it must stay below 1")
        self.known = known
        like, _ = known.model.initialise(known.n_clients, 1, generator(known.seed, "shape"))  # [n_clients, d]
        device = known.target_items.device
        self.users = (self.user_std * torch.randn(like.shape, generator=generator(known.seed, "users"))).to(device)
        ranks = known.prior.popularity_ranks
        if ranks is not None:
            drawing = generator(known.seed, "estimator")
            options = (like.shape[1], self.hidden, self.estimator_rate, self.estimator_steps)
            self.estimator = PopularityEstimator(self.levels(ranks), known.target_items, *options, drawing)

    def levels(self, ranks: Tensor) -> Tensor:
        """Level of each item from its popularity rank, 0 = high, 1 = medium, 2 = low; [M] -> [M]."""
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
        return target_upload(view, torch.arange(len(view.clients), device=rows.device), targets, rows, {})

    def state_dict(self) -> dict[str, Any]:
        return {"users": self.users.clone(), "estimator": self.estimator.state_dict() if self.estimator else {}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.users = state["users"].clone()
        if self.estimator:
            self.estimator.load_state_dict(state["estimator"])
