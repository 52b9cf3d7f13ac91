"""Trimmed mean: of each coordinate's values without the f most extreme ones at either end, or without the f farthest from the median.

Yin et al., "Byzantine-Robust Distributed Learning: Towards Optimal Statistical Rates", ICML 2018 (`score=original`, the f smallest and
the f largest are removed); the code published with the paper keeps the n - f values closest to the median (`score=paper`).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fedrec.aggregation.grouped_uploads import GroupedUploads
from fedrec.aggregation.krum_scores import Score
from fedrec.aggregation.rule import GuardedRule
from fedrec.aggregation.trimming import means_around_median, means_without_ends


@dataclass(kw_only=True)
class TrimmedMean(GuardedRule):
    paper = "Yin et al., ICML 2018"
    applies_to = "MF-FRS, DL-FRS"

    score: Score

    def fewest(self, f: Tensor) -> Tensor:
        return torch.ones_like(f) if self.score == "paper" else 2 * f + 1

    def combine(self, uploads: GroupedUploads) -> tuple[Tensor, None]:
        sizes, applies = uploads.sizes, self.applies(uploads.sizes)
        trimmed = means_around_median if self.score == "paper" else means_without_ends
        sums = trimmed(uploads.ascending(), sizes, self.tolerated(sizes) * applies) * sizes  # nothing trimmed: the plain sum
        return (sums if self.fallback == "sum" else sums * applies).T, None
