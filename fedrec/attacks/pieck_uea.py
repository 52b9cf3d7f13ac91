"""PIECK-UEA: user embedding approximation lets the embeddings of mined popular items stand for the users' hidden ones.

Zhang et al., "Preventing the Popular Item Embedding Based Attack in Federated Recommendations", ICDE 2024, Sec. IV-D, Eq. (10),
Algorithm 3. It knows nothing beyond the threat model.

The released code cuts P into `batches` by popularity, passes over them `rounds` times and never clears the accumulated gradient, so
that step j of batches * rounds counts (batches * rounds + 1 - j) / rounds times; 1 and 1 is the equation as printed. Against DL-FRS
the code also uploads gradients of the scorer, by the same loss (`poison_scorer`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from fedrec.interfaces import AttackerKnowledge, AttackerView, Positive
from fedrec.poisoning.fake_users import fake_gradients, promotion_loss
from fedrec.poisoning.mined_items import MinedItemsAttack


@dataclass(kw_only=True)
class PieckUEA(MinedItemsAttack):
    batches: Positive
    rounds: Positive
    poison_scorer: bool
    weights: Tensor = field(init=False)  # [N]: how often each mined item's loss counts; 1 each for one batch and one round

    def setup(self, known: AttackerKnowledge) -> None:
        if self.batches > self.N:
            raise ValueError(f"attack.batches = {self.batches}: at most attack.N = {self.N}")
        super().setup(known)
        batch = torch.arange(self.N) * self.batches // self.N  # [N]
        steps = batch + self.batches * torch.arange(self.rounds)[:, None]  # [rounds, N], from 0
        self.weights = ((self.batches * self.rounds - steps).sum(0) / self.rounds).to(known.target_items.device)

    def gradients(self, popular: Tensor, targets: Tensor, view: AttackerView) -> tuple[Tensor, Mapping[str, Tensor]]:
        weights = self.weights.to(popular.dtype) / self.N
        fake = fake_gradients(self.known.model, popular, targets, view.model, promotion_loss)  # Eq. (10)
        return fake.target_rows(weights), fake.scorer(weights) if self.poison_scorer else {}
