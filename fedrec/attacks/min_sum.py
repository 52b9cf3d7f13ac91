"""Min-Sum: as far from the benign mean as the sum of squared distances to all benign uploads is no larger than that of one of these.

Shejwalkar, Houmansadr, "Manipulating the Byzantine: Optimizing Model Poisoning Attacks and Defenses for Federated Learning", NDSS 2021.
Every malicious client uploads mean + g * deviation with the largest g for which sum_k ||row - x_k||^2 <= max_l sum_k ||x_l - x_k||^2.
The authors search g as for Min-Max. But the sum of squared distances of n uploads to a point is n times the point's squared distance to
their mean, and something that is the same for all points. So g ||deviation|| is the largest distance of a benign upload to the mean.
"""

from dataclasses import dataclass

from torch import Tensor

from fedrec.interfaces import UploadStatistics
from fedrec.poisoning.largest_deviation import LargestDeviation


@dataclass(kw_only=True)
class MinSum(LargestDeviation):
    paper = "Shejwalkar and Houmansadr, NDSS 2021"

    def largest_steps(self, uploads: UploadStatistics, means: Tensor, deviations: Tensor) -> Tensor:
        squares = deviations.square().sum(1)  # [J]
        farthest = squares.new_zeros(len(squares)).scatter_reduce_(0, uploads.places, uploads.squared_distances(means), "amax")
        return (farthest / squares).sqrt_()
