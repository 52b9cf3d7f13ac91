"""Min-Max: as far from the benign mean as no farther from any benign upload than two of these are from each other.

Shejwalkar, Houmansadr, "Manipulating the Byzantine: Optimizing Model Poisoning Attacks and Defenses for Federated Learning", NDSS 2021.
Every malicious client uploads mean + g * deviation with the largest g for which max_k ||row - x_k|| <= max_kl ||x_k - x_l||. The authors
search g: from 10 on, up or down by halved steps, until these are below 1e-5. Here each x_k sets a limit to g in closed form, the root of
a quadratic equation, and the least of them is g; at most 20, where that search ends.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fedrec.interfaces import UploadStatistics
from fedrec.poisoning.largest_deviation import LargestDeviation


@dataclass(kw_only=True)
class MinMax(LargestDeviation):
    paper = "Shejwalkar and Houmansadr, NDSS 2021"

    def largest_steps(self, uploads: UploadStatistics, means: Tensor, deviations: Tensor) -> Tensor:
        """Solve ||mean - x_k||^2 + 2 g <mean - x_k, deviation> + g^2 ||deviation||^2 = diameter^2 for each upload x_k."""
        places = uploads.places
        squares = deviations.square().sum(1)  # [J]
        of_means = uploads.squared_distances(means)  # [N]
        slopes = (uploads.squared_distances(means + deviations) - of_means - squares[places]) / 2
        room = (uploads.diameters().square()[places] - of_means).clamp(min=0)
        roots = ((slopes.square() + squares[places] * room).sqrt() - slopes) / squares[places]
        return torch.full_like(squares, torch.inf).scatter_reduce_(0, places, roots, "amin")
