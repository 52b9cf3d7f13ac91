"""PIECK-IPE: item popularity enhancement (Sec. IV-C, Eq. 8, Algorithm 2).

Target rows are turned towards the mined popular items, separately for those that point their way and those that do not, so
that the rarer direction is not drowned. Paper and released code differ in the ranks that kappa is made of (`ranks`): the
paper counts within each of the two subsets, the code within all mined items. Under DL-FRS the code makes a target longer instead
once it points where the popular items do, as the gradient of a cosine vanishes there (`vanishing_guard`). Table VI takes it apart:
`similarity` and `weighted`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import cosine_similarity, kl_div, log_softmax

from fedrec.interfaces import AttackerView
from fedrec.poisoning.popular_item_attack import PopularItemAttack


@dataclass(kw_only=True)
class PieckIPE(PopularItemAttack):
    lambda_: Annotated[float, Field(gt=0, le=1)]
    similarity: Literal["split_cosine", "cosine", "kl"]
    weighted: bool
    ranks: Literal["all", "subset"]
    vanishing_guard: Annotated[float, Field(gt=0, lt=1)] | None

    def gradients(self, popular: Tensor, targets: Tensor, view: AttackerView) -> tuple[Tensor, Mapping[str, Tensor]]:
        rows = view.model.items[targets].expand(len(popular), -1, -1).clone().requires_grad_()  # [A, T, d]
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(self.loss(popular, rows).sum(), rows)
        return gradient, {}

    def loss(self, popular: Tensor, rows: Tensor) -> Tensor:
        """Attack loss of each client [A] from its mined items' embeddings [A, N, d] and the target rows [A, T, d]."""
        cosine = cosine_similarity(popular[:, :, None], rows[:, None], dim=-1)  # [A, N, T]
        alike = cosine > 0 if self.similarity == "split_cosine" else torch.ones_like(cosine, dtype=torch.bool)
        similarity = -divergence(popular, rows) if self.similarity == "kl" else cosine
        means = [(self.kappa(part) * similarity * part).sum(1) / self.size(part) for part in (alike, ~alike)]  # 2 x [A, T]
        loss = -self.lambda_ * (means[0] + means[1])  # Eq. (8): of P+ and of P-; a subset without items has no term
        if self.vanishing_guard is not None:
            loss = torch.where(cosine.mean(1) > self.vanishing_guard, -torch.linalg.vector_norm(rows, dim=-1), loss)
        return loss.mean(1)

    def size(self, subset: Tensor) -> Tensor:
        """What a weighted sum over a subset is divided by: |P*| of Eq. (8); of P as a whole its weights, for a weighted mean [A, T]."""
        weights = subset if self.similarity == "split_cosine" else self.kappa(subset) * subset
        return weights.sum(1).clamp(min=1)

    def kappa(self, subset: Tensor) -> Tensor:
        """Normalised inverse rank of the mined items, linear, most popular first; 1 if not weighted; [A, N, T] bool -> [A, N, T]."""
        if not self.weighted:
            return torch.ones_like(subset, dtype=torch.get_default_dtype())
        counted = subset.long() if self.ranks == "subset" else torch.ones_like(subset, dtype=torch.int64)
        n = counted.sum(1, keepdim=True)  # [A, 1, T]
        return (n + 1 - counted.cumsum(1)) / (n * (n + 1) / 2).clamp(min=1)


def divergence(popular: Tensor, rows: Tensor) -> Tensor:
    """KL(v_k || v_j) of mined items [A, N, d] and targets [A, T, d], as distributions by softmax (Eq. 9) -> [A, N, T]."""
    items, targets = log_softmax(popular, -1)[:, :, None], log_softmax(rows, -1)[:, None]
    return kl_div(targets, items, reduction="none", log_target=True).sum(-1)
