"""Trimmed mean: of each coordinate's values without the f most extreme ones at either end, or without the f farthest from the median.

Yin et al., "Byzantine-Robust Distributed Learning: Towards Optimal Statistical Rates", ICML 2018 (`score=original`, the f smallest and
the f largest are removed); the code published with the paper keeps the n - f values closest to the median (`score=paper`).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fedrec.defenses.median import median
from fedrec.robust.blocks import Block
from fedrec.robust.rule import GuardedRule
from fedrec.robust.selection import Score


@dataclass(kw_only=True)
class TrimmedMean(GuardedRule):
    paper = "Yin et al., ICML 2018"
    applies_to = "MF-FRS, DL-FRS"

    score: Score

    def fewest(self, f: int) -> int:
        return 1 if self.score == "paper" else 2 * f + 1

    def combine(self, block: Block, f: int) -> tuple[Tensor, None]:
        if not f:
            return block.rows.sum(1), None
        if self.score == "original":
            return block.ascending[..., f : block.n - f].mean(-1) * block.n, None
        return mean_around_median(block.ascending, f) * block.n, None


def mean_around_median(ordered: Tensor, n_removed: int) -> Tensor:
    """Mean of all values but those farthest from their median, ascending [..., n] -> [...]; of two equally far the larger one goes.

    What stays are neighbours. Value i and value i + n - n_removed are never both among them: the one that is closer is.
    """
    n_kept = ordered.shape[-1] - n_removed
    low, high = ordered[..., :n_removed], ordered[..., n_kept:]
    closer = torch.where(low + high >= 2 * median(ordered)[..., None], low, high)
    return (ordered[..., n_removed:n_kept].sum(-1) + closer.sum(-1)) / n_kept
