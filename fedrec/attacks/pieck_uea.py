"""PIECK-UEA: user embedding approximation lets the embeddings of mined popular items stand for the users' hidden ones.

Zhang et al., "Preventing the Popular Item Embedding Based Attack in Federated Recommendations", ICDE 2024, Sec. IV-D, Eq. (10),
Algorithm 3. It knows nothing beyond the threat model.

The released code cuts P into B = `batches` by popularity and takes R = `rounds` backward passes of 1 / (B T) of a batch's mean loss for
every batch and target. It never clears the accumulated gradient, so that step s (from 0) of all S steps counts S - s times, and it divides
by R. With `repetitions=inner` the R passes are its innermost loop: for each batch, for each target, R passes. With T = 1, B = 5 and R = 3
the batches weigh 14, 11, 8, 5 and 2. With `outer` all batches are passed R times, and no target comes before another: 10, 9, 8, 7 and 6.
`outer` with one batch and one round is the equation as printed. Against DL-FRS the code also uploads gradients of the scorer, by the same
loss (`poison_scorer`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from fedrec.interfaces import AttackerKnowledge, AttackerView, ClientBatch, Positive
from fedrec.poisoning.fake_users import fake_gradients, promotion_loss
from fedrec.poisoning.mined_items import MinedItemsAttack


@dataclass(kw_only=True)
class PieckUEA(MinedItemsAttack):
    batches: Positive
    rounds: Positive
    repetitions: Literal["inner", "outer"]
    poison_scorer: bool
    weights: Tensor = field(init=False)  # [N, T]: what the loss of each mined item for each target counts in the mean over the targets

    def setup(self, known: AttackerKnowledge) -> None:
        if self.batches > self.N:
            raise ValueError(f"attack.batches = {self.batches}: at most attack.N = {self.N}")
        super().setup(known)
        batch = torch.arange(self.N) * self.batches // self.N  # [N]
        shares = 1 / (self.batches * torch.bincount(batch)[batch].double())  # [N], of each item in the mean over the batches
        weights = self.times(batch, len(self.optimised_targets)) * shares[:, None] / self.rounds
        self.weights = weights.to(known.target_items.device)

    def times(self, batch: Tensor, n_targets: int) -> Tensor:
        """Return how often the R passes of each item's batch [N] count for each target, all together, [N, T]."""
        targets, rounds = torch.arange(n_targets), torch.arange(self.rounds)
        if self.repetitions == "inner":
            steps = (batch[:, None, None] * n_targets + targets[:, None]) * self.rounds + rounds  # [N, T, R], from 0
            return (self.batches * n_targets * self.rounds - steps).sum(2)
        steps = batch[:, None] + self.batches * rounds  # [N, R], from 0
        return (self.batches * self.rounds - steps).sum(1, keepdim=True).expand(-1, n_targets)

    def gradients(self, popular: Tensor, targets: Tensor, view: AttackerView) -> tuple[Tensor, Mapping[str, Tensor]]:
        fake = fake_gradients(self.known.model, popular, targets, view.model, self.loss)
        ones = popular.new_ones(self.N)
        return fake.target_rows(ones), fake.scorer(ones) if self.poison_scorer else {}

    def loss(self, scores: Tensor, batch: ClientBatch) -> tuple[Tensor, Tensor]:
        """Return Eq. (10) for each mined item [A * N] and the accumulated derivative by each score [A * N * T]."""
        value, derivative = promotion_loss(scores, batch)
        return value, (derivative.view(-1, *self.weights.shape) * self.weights.to(scores.dtype)).flatten()
