"""Median: of each coordinate, the median of the uploads, n times.

Yin, Chen, Ramchandran, Bartlett, "Byzantine-Robust Distributed Learning: Towards Optimal Statistical Rates", ICML 2018, Definition 1. The
median of an even number of values is the mean of the two in the middle. f = floor((n - 1) / 2); the rule never falls back.
"""

from torch import Tensor

from fedrec.aggregation import GroupedUploads, Rule


class Median(Rule):
    paper = "Yin et al., ICML 2018"

    def combine(self, uploads: GroupedUploads) -> tuple[Tensor, None]:
        return uploads.medians() * uploads.sizes[:, None], None
