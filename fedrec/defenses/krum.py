"""Krum: the upload that is closest to most others, n times.

Blanchard et al., "Machine Learning with Adversaries: Byzantine Tolerant Gradient Descent", NeurIPS 2017. See `fedrec.robust.selection`
for both definitions of the score.
"""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import one_hot

from fedrec.robust.rule import Weighting
from fedrec.robust.selection import Score, distances, krum_scores, left_out


@dataclass(kw_only=True)
class Krum(Weighting):
    paper = "Blanchard et al., NeurIPS 2017"
    applies_to = "MF-FRS, DL-FRS"

    score: Score

    selects = True

    def fewest(self, f: int) -> int:
        return 2 * f + 1 if self.score == "paper" else 2 * f + 3

    def weights(self, products: Tensor, f: int) -> Tensor:
        scores = krum_scores(distances(products, self.score), left_out(f, self.score))
        n = products.shape[-1]
        return one_hot(scores.argmin(1), n).to(products.dtype) * n
