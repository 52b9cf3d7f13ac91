"""Krum: the upload that is closest to most others, n times.

Blanchard et al., "Machine Learning with Adversaries: Byzantine Tolerant Gradient Descent", NeurIPS 2017: the upload with the least score,
the first of equals. `score` chooses between the paper's score and that of the published code (`fedrec.aggregation.selecting`).
f = floor(malicious_share n). With n < 2f + 3 uploads (`score=paper`: 2f + 1) the rule falls back.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fedrec.aggregation import Fallback, GroupedUploads, Rule, Scope, Score, ScorerShare, select_uploads
from fedrec.interfaces import Share


@dataclass(kw_only=True)
class Krum(Rule):
    paper = "Blanchard et al., NeurIPS 2017"

    malicious_share: Share
    fallback: Fallback
    scope: Scope
    score: Score
    scorer_share: ScorerShare

    def applies(self, uploads: GroupedUploads) -> Tensor:
        return uploads.sizes >= 2 * self.tolerated(uploads) + (1 if self.score == "paper" else 3)

    def combine(self, uploads: GroupedUploads) -> tuple[Tensor, Tensor]:
        applies = self.applies(uploads)
        n_selected = torch.where(applies, 1, uploads.sizes * (self.fallback == "sum"))
        accepted = select_uploads(uploads, n_selected, self.tolerated(uploads), self.score, repeated=True)
        weights = uploads.repeat_by_group(torch.where(applies, uploads.sizes, 1))
        return uploads.sum(weights, accepted), accepted
