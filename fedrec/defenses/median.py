"""Median of each coordinate.

Yin et al., "Byzantine-Robust Distributed Learning: Towards Optimal Statistical Rates", ICML 2018. Of an even number of values the
mean of the two in the middle.
"""

from torch import Tensor

from fedrec.aggregation.grouped_uploads import GroupedUploads
from fedrec.aggregation.rule import Rule
from fedrec.aggregation.trimming import medians


class Median(Rule):
    paper = "Yin et al., ICML 2018"
    applies_to = "MF-FRS, DL-FRS"

    def tolerated(self, sizes: Tensor) -> Tensor:
        return (sizes - 1) // 2

    def combine(self, uploads: GroupedUploads) -> tuple[Tensor, None]:
        return (medians(uploads.ascending(), uploads.sizes) * uploads.sizes).T, None
