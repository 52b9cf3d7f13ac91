"""MultiKrum: the sum of the uploads that Krum selects.

Blanchard et al., "Machine Learning with Adversaries: Byzantine Tolerant Gradient Descent", NeurIPS 2017: the n - f uploads with the least
scores (`score=original`). The code published with the paper repeats Krum and puts the selected upload aside each time, until n - 2f are
selected (`score=paper`). f = floor(malicious_share n). With n < 2f + 3 uploads (`score=paper`: 4f + 3) the rule falls back.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fedrec.aggregation import Fallback, GroupedUploads, Rule, Scope, Score, ScorerShare, select_uploads
from fedrec.interfaces import Share


@dataclass(kw_only=True)
class MultiKrum(Rule):
    paper = "Blanchard et al., NeurIPS 2017"

    malicious_share: Share
    fallback: Fallback
    scope: Scope
    score: Score
    scorer_share: ScorerShare

    def applies(self, uploads: GroupedUploads) -> Tensor:
        return uploads.sizes >= (4 if self.score == "paper" else 2) * self.tolerated(uploads) + 3

    def combine(self, uploads: GroupedUploads) -> tuple[Tensor, Tensor]:
        f, repeated = self.tolerated(uploads), self.score == "paper"
        n_left = uploads.sizes - (2 * f if repeated else f)
        n_selected = torch.where(self.applies(uploads), n_left, uploads.sizes * (self.fallback == "sum"))
        accepted = select_uploads(uploads, n_selected, f, self.score, repeated)
        return uploads.sum(accepted, accepted), accepted
