"""IPM (inner product manipulation): a negative multiple of the benign mean, so that the aggregate points away from it.

Xie, Koyejo, Gupta, "Fall of Empires: Breaking Byzantine-tolerant SGD by Inner Product Manipulation", UAI 2019. Every malicious client
uploads -epsilon * mean. A small epsilon stays near the benign uploads, which deceives Krum; a large one outweighs them in a sum. With
targets, the mean is turned only if it leads away from what promotes.
"""

from dataclasses import dataclass

from torch import Tensor

from fedrec.interfaces import Rate, UploadStatistics
from fedrec.poisoning.omniscient import OmniscientAttack, turned_means


@dataclass(kw_only=True)
class InnerProductManipulation(OmniscientAttack):
    paper = "Xie et al., UAI 2019"

    epsilon: Rate

    def rows(self, uploads: UploadStatistics, n_malicious: Tensor, goal: Tensor | None) -> Tensor:
        return self.epsilon * turned_means(uploads, goal)
