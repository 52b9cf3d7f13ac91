"""PIECK-IPE: item popularity enhancement (Sec. IV-C, Eq. 8, Algorithm 2).

Target rows are turned towards the mined popular items, separately for those that point their way and those that do not, so
that the rarer direction is not drowned. Paper and released code differ in the ranks that kappa is made of (`ranks`): the
paper counts within each of the two subsets, the code within all mined items.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import cosine_similarity

from fedrec.attacks.popular_item_attack import PopularItemAttack
from fedrec.interfaces import GlobalModel


@dataclass(kw_only=True)
class PieckIPE(PopularItemAttack):
    lambda_: Annotated[float, Field(gt=0, le=1)]
    ranks: Literal["all", "subset"]

    def loss(self, popular: Tensor, rows: Tensor, model: GlobalModel) -> Tensor:
        cosine = cosine_similarity(popular[:, :, None], rows[:, None], dim=-1)  # [A, N, T]
        alike = cosine > 0  # P+ and P-; a subset without items has no term
        means = [(self.kappa(part) * cosine * part).sum(1) / part.sum(1).clamp(min=1) for part in (alike, ~alike)]  # 2 x [A, T]
        return -self.lambda_ * (means[0] + means[1]).mean(1)  # Eq. (8)

    def kappa(self, subset: Tensor) -> Tensor:
        """Normalised inverse rank of the mined items, linear, most popular first; [A, N, T] bool -> [A, N, T]."""
        counted = subset.long() if self.ranks == "subset" else torch.ones_like(subset, dtype=torch.int64)
        n = counted.sum(1, keepdim=True)  # [A, 1, T]
        return (n + 1 - counted.cumsum(1)) / (n * (n + 1) / 2).clamp(min=1)
