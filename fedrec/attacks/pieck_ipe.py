"""PIECK-IPE: item popularity enhancement turns the targets towards the popular items that each client has mined.

Zhang et al., "Preventing the Popular Item Embedding Based Attack in Federated Recommendations", ICDE 2024, Sec. IV-C, Eq. (8),
Algorithm 2. It knows nothing beyond the threat model. P+ holds the mined items at an acute angle to a target, P- the others; each
counts as a whole, so that the rarer direction is not drowned.

The paper ranks the items within P+ and P- to weigh them by kappa, the released code ranks them within all of P (`ranks`). Where all
cosines have one sign, the code for DL-FRS divides by lambda instead of multiplying (`single_sign`). It also makes a target longer once
it points where the popular items do, because the gradient of a cosine vanishes there (`vanishing_guard`). Table VI takes the loss apart:
`similarity` (PCOS and PKL, Eq. 9) and `weighted`.

An `adaptive` attacker turns the targets to where their scores for its stand-in user rise. It breaks through `ours` under MF-FRS; under
DL-FRS the attack as published does, and this one does not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import cosine_similarity, kl_div, log_softmax

from fedrec.interfaces import AttackerView, ClientBatch
from fedrec.poisoning.fake_users import fake_gradients
from fedrec.poisoning.mined_items import MinedItemsAttack


@dataclass(kw_only=True)
class PieckIPE(MinedItemsAttack):
    lambda_: Annotated[float, Field(gt=0, le=1)]
    similarity: Literal["split_cosine", "cosine", "kl"]
    weighted: bool
    ranks: Literal["all", "subset"]
    single_sign: Literal["multiply", "divide"]
    vanishing_guard: Annotated[float, Field(gt=0, lt=1)] | None

    def gradients(self, popular: Tensor, targets: Tensor, view: AttackerView) -> tuple[Tensor, Mapping[str, Tensor]]:
        rows = view.model.items[targets].expand(len(popular), -1, -1).clone().requires_grad_()  # [A, T, d]
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(self.loss(popular, rows).sum(), rows)
        return gradient, {}

    def in_place_of_items(self, users: Tensor, view: AttackerView) -> Tensor:
        """Return the direction in which the targets' scores for stand-ins [A, d] rise, [A, d]; under MF-FRS these themselves."""
        return -fake_gradients(self.known.model, users[:, None], self.optimised_targets, view.model, rising).rows.mean((1, 2))

    def loss(self, popular: Tensor, rows: Tensor) -> Tensor:
        """Return each client's attack loss [A] from its mined items' embeddings [A, N, d] and the target rows [A, T, d]."""
        cosine = cosine_similarity(popular[:, :, None], rows[:, None], dim=-1)  # [A, N, T]
        match self.similarity:
            case "split_cosine":
                alike = self.by_direction(cosine)
            case "cosine":
                alike = self.lambda_ * self.by_weight(cosine)
            case "kl":
                alike = self.lambda_ * self.by_weight(-divergence(popular, rows))
        loss = -alike  # [A, T]
        if self.vanishing_guard is not None:
            loss = torch.where(cosine.mean(1) > self.vanishing_guard, -torch.linalg.vector_norm(rows, dim=-1), loss)
        return loss.mean(1)

    def by_direction(self, cosine: Tensor) -> Tensor:
        """Return lambda times the inner sum of Eq. (8), one term for P+ and one for P-; [A, N, T] -> [A, T]."""
        positive = cosine > 0  # [A, N, T]
        alike = self.term(cosine, positive) + self.term(cosine, ~positive)
        if self.single_sign == "multiply":
            return self.lambda_ * alike
        both = positive.any(1) & ~positive.all(1)  # [A, T]
        return alike * torch.where(both, self.lambda_, 1 / self.lambda_)

    def term(self, cosine: Tensor, subset: Tensor) -> Tensor:
        """Return the sum of kappa cos over a subset of P divided by its size, 0 if it is empty; 2 x [A, N, T] -> [A, T]."""
        return (self.kappa(subset) * cosine * subset).sum(1) / subset.sum(1).clamp(min=1)

    def by_weight(self, similarity: Tensor) -> Tensor:
        """Return the mean similarity over all of P, weighted by kappa; [A, N, T] -> [A, T]."""
        kappa = self.kappa(torch.ones_like(similarity, dtype=torch.bool))
        return (kappa * similarity).sum(1) / kappa.sum(1).clamp(min=1)  # by 1 but for rounding, or by N if every kappa is 1

    def kappa(self, subset: Tensor) -> Tensor:
        """Return kappa of Eq. (8) for the items of a subset of P; bool [A, N, T] -> [A, N, T]."""
        if not self.weighted:
            return torch.ones_like(subset, dtype=torch.get_default_dtype())
        return inverse_ranks(subset if self.ranks == "subset" else torch.ones_like(subset))


def rising(scores: Tensor, batch: ClientBatch) -> tuple[Tensor, Tensor]:
    """Return minus the sum of each user's scores, [A], and its derivative; as `interfaces.Loss`."""
    n_users = len(batch.clients)
    return -scores.view(n_users, len(scores) // max(n_users, 1)).sum(1), torch.full_like(scores, -1.0)


def inverse_ranks(counted: Tensor) -> Tensor:
    """Return (n + 1 - rank) / (1 + ... + n) of the n items that count, most popular first; bool [A, N, T] -> [A, N, T]."""
    n = counted.sum(1, keepdim=True)  # [A, 1, T]
    return (n + 1 - counted.cumsum(1)) / (n * (n + 1) / 2).clamp(min=1)


def divergence(popular: Tensor, rows: Tensor) -> Tensor:
    """Return KL(v_k || v_j) of mined items [A, N, d] and targets [A, T, d], made distributions by softmax, Eq. (9) -> [A, N, T]."""
    items, targets = log_softmax(popular, -1)[:, :, None], log_softmax(rows, -1)[:, None]
    return kl_div(targets, items, reduction="none", log_target=True).sum(-1)
