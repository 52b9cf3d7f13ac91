"""Trimmed mean: of each coordinate, the mean without the most extreme values, n times.

Yin, Chen, Ramchandran, Bartlett, "Byzantine-Robust Distributed Learning: Towards Optimal Statistical Rates", ICML 2018, Definition 2: the
f smallest and the f largest values are left out (`score=original`). The code published with the paper leaves out the f values farthest
from the median (`score=paper`). f = floor(malicious_share n). With n < 2f + 1 uploads the original falls back.
"""

from dataclasses import dataclass

from torch import Tensor

from fedrec.aggregation import Fallback, GroupedUploads, Rule, Score, ScorerShare
from fedrec.interfaces import Share


@dataclass(kw_only=True)
class TrimmedMean(Rule):
    paper = "Yin et al., ICML 2018"

    malicious_share: Share
    fallback: Fallback
    score: Score
    scorer_share: ScorerShare

    def applies(self, uploads: GroupedUploads) -> Tensor:
        return uploads.sizes >= (1 if self.score == "paper" else 2 * self.tolerated(uploads) + 1)

    def combine(self, uploads: GroupedUploads) -> tuple[Tensor, None]:
        applies, around_median = self.applies(uploads), self.score == "paper"
        n_removed = self.tolerated(uploads) * applies * (1 if around_median else 2)
        sums = uploads.trimmed_means(uploads.sizes - n_removed, around_median) * uploads.sizes[:, None]  # where nothing is trimmed, the sum
        return sums if self.fallback == "sum" else sums * applies[:, None], None
