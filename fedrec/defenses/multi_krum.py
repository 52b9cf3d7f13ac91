"""MultiKrum: the sum of the uploads that Krum selects.

Blanchard et al., "Machine Learning with Adversaries: Byzantine Tolerant Gradient Descent", NeurIPS 2017: the n - f uploads with the least
scores (`score=original`). The code published with the paper repeats Krum, putting the selected upload aside each time, until n - 2f are
selected (`score=paper`).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fedrec.robust.rule import Weighting
from fedrec.robust.selection import Score, distances, krum_scores, left_out, select


@dataclass(kw_only=True)
class MultiKrum(Weighting):
    paper = "Blanchard et al., NeurIPS 2017"
    applies_to = "MF-FRS, DL-FRS"

    score: Score

    selects = True

    def fewest(self, f: int) -> int:
        return 4 * f + 3 if self.score == "paper" else 2 * f + 3

    def weights(self, products: Tensor, f: int) -> Tensor:
        if not f:
            return torch.ones_like(products[..., 0])
        apart, n = distances(products, self.score), products.shape[-1]
        if self.score == "paper":
            return select(apart, n - 2 * f, left_out(f, self.score)).to(products.dtype)
        return lowest(krum_scores(apart, left_out(f, self.score)), n - f).to(products.dtype)


def lowest(scores: Tensor, n_selected: int) -> Tensor:
    """Which are the lowest scores, the first of equals, [g, n] -> [g, n] bool."""
    order = scores.sort(stable=True).indices[:, :n_selected]
    return torch.zeros_like(scores, dtype=torch.bool).scatter_(1, order, True)
