"""Krum: the upload that is closest to most others, n times.

Blanchard et al., "Machine Learning with Adversaries: Byzantine Tolerant Gradient Descent", NeurIPS 2017. See
`fedrec.aggregation.krum_scores` for both definitions of the score.
"""

from dataclasses import dataclass

from torch import Tensor

from fedrec.aggregation.krum_scores import Score, krum_scores, left_out, pairwise_distances
from fedrec.aggregation.rule import Weighting


@dataclass(kw_only=True)
class Krum(Weighting):
    paper = "Blanchard et al., NeurIPS 2017"
    applies_to = "MF-FRS, DL-FRS"

    score: Score

    selects = True

    def fewest(self, f: Tensor) -> Tensor:
        return 2 * f + (1 if self.score == "paper" else 3)

    def weights(self, products: Tensor, f: int) -> Tensor:
        scores = krum_scores(pairwise_distances(products, self.score), left_out(f, self.score))
        return products.new_zeros(scores.shape).scatter_(1, scores.argmin(1)[:, None], scores.shape[1])
