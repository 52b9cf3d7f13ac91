"""PIECK-IPE: item popularity enhancement (Sec. IV-C, Eq. 8, Algorithm 2).

Target rows are turned towards the mined popular items, separately for those that point their way and those that do not, so
that the rarer direction is not drowned.
"""

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import cosine_similarity

from fedrec.attacks.popular_item_attack import PopularItemAttack
from fedrec.interfaces import GlobalModel


@dataclass(kw_only=True)
class PieckIPE(PopularItemAttack):
    lambda_: Annotated[float, Field(gt=0, le=1)]

    def loss(self, popular: Tensor, rows: Tensor, model: GlobalModel) -> Tensor:
        kappa = torch.arange(self.N, 0, -1, device=rows.device).to(rows) / (self.N * (self.N + 1) / 2)  # [N], normalised inverse rank
        cosine = cosine_similarity(popular[:, :, None], rows[:, None], dim=-1)  # [A, N, T]
        alike = cosine > 0  # P+ and P-; a subset without items has no term
        weighted = kappa[:, None] * cosine
        means = [(weighted * part).sum(1) / part.sum(1).clamp(min=1) for part in (alike, ~alike)]  # 2 x [A, T]
        return -self.lambda_ * (means[0] + means[1]).mean(1)  # Eq. (8)
