"""MultiKrum: the sum of the uploads that Krum selects.

Blanchard et al., "Machine Learning with Adversaries: Byzantine Tolerant Gradient Descent", NeurIPS 2017: the n - f uploads with the least
scores (`score=original`). The code published with the paper repeats Krum, putting the selected upload aside each time, until n - 2f are
selected (`score=paper`).
"""

from dataclasses import dataclass

from torch import Tensor

from fedrec.aggregation.krum_scores import left_out, select_at_once
from fedrec.aggregation.selecting_rule import Selecting


@dataclass(kw_only=True)
class MultiKrum(Selecting):
    paper = "Blanchard et al., NeurIPS 2017"
    applies_to = "MF-FRS, DL-FRS"

    def fewest(self, f: Tensor) -> Tensor:
        return super().fewest(f) if self.score == "paper" else 2 * f + 3

    def select(self, distances: Tensor, exists: Tensor, f: int) -> Tensor:
        if self.score == "paper":
            return super().select(distances, exists, f)
        return select_at_once(distances, exists, exists.sum(1) - f, left_out(f, self.score))
