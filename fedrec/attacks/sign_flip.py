"""Sign flip: the negative benign mean.

The simplest attack of Li, Xu, Chen, Giannakis, Ling, "RSA: Byzantine-Robust Stochastic Aggregation Methods for Distributed Learning from
Heterogeneous Datasets", AAAI 2019. It is IPM with epsilon = 1. With targets, the mean is turned only if it leads away from what promotes.
"""

from dataclasses import dataclass

from torch import Tensor

from fedrec.interfaces import UploadStatistics
from fedrec.poisoning.omniscient import OmniscientAttack, turned_means


@dataclass(kw_only=True)
class SignFlip(OmniscientAttack):
    paper = "Li et al., AAAI 2019"

    def rows(self, uploads: UploadStatistics, n_malicious: Tensor, goal: Tensor | None) -> Tensor:
        return turned_means(uploads, goal)
