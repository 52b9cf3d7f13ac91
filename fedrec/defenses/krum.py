"""Krum: the upload that is closest to most others, n times.

Blanchard et al., "Machine Learning with Adversaries: Byzantine Tolerant Gradient Descent", NeurIPS 2017: the upload with the least score,
the first of equals. `score` chooses between the paper's score and that of the published code (`fedrec.aggregation.krum_score`).
f = floor(malicious_share n). With n < 2f + 3 uploads (`score=paper`: 2f + 1) the rule falls back.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from fedrec.aggregation import Fallback, GroupedUploads, Rule, Scope, Score, krum_scores, number_tolerated, select_uploads
from fedrec.interfaces import Share


@dataclass(kw_only=True)
class Krum(Rule):
    paper = "Blanchard et al., NeurIPS 2017"

    malicious_share: Share
    fallback: Fallback
    scope: Scope = field()
    score: Score

    def tolerated(self, sizes: Tensor) -> Tensor:
        return number_tolerated(self.malicious_share, sizes)

    def applies(self, sizes: Tensor) -> Tensor:
        return sizes >= 2 * self.tolerated(sizes) + (1 if self.score == "paper" else 3)

    def combine(self, uploads: GroupedUploads) -> tuple[Tensor, Tensor]:
        f, applies = self.tolerated(uploads.sizes), self.applies(uploads.sizes)
        everybody = torch.full_like(applies, self.fallback == "sum")  # where the rule does not apply
        accepted = select_uploads(uploads, self.select, f, applies, everybody, self.score, similar=1)
        weights = uploads.repeat_by_group(torch.where(applies, uploads.sizes, 1))
        return uploads.sum(weights, accepted), accepted

    def select(self, distances: Tensor, exists: Tensor, f: int) -> Tensor:
        best = krum_scores(distances, f, self.score).argmin(1)
        return torch.zeros_like(exists).scatter_(1, best[:, None], True)
