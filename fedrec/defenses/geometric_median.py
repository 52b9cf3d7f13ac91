"""Geometric median (RFA): the point with the least sum of distances to all uploads, n times.

Pillutla, Kakade, Harchaoui, "Robust Aggregation for Federated Learning", IEEE Transactions on Signal Processing 2022. The smoothed
Weiszfeld algorithm (Algorithm 2), all clients weighing the same: from the mean on, each iteration weighs uploads by the inverse of their
distances, of which none counts as less than `smoothing`.
"""

from dataclasses import dataclass

from torch import Tensor

from fedrec.aggregation.centering import Centring, Uploads
from fedrec.interfaces import Rate


@dataclass(kw_only=True)
class GeometricMedian(Centring):
    paper = "Pillutla et al., IEEE TSP 2022"
    applies_to = "MF-FRS, DL-FRS"

    smoothing: Rate

    def centres(self, uploads: Uploads) -> Tensor:
        centres = uploads.sum(uploads.uniform_weights)
        for _ in range(self.iterations):
            nearness = 1 / uploads.distances(centres).clamp_(min=self.smoothing)
            centres = uploads.sum(nearness / uploads.repeat_by_group(uploads.totals(nearness)))
        return centres
