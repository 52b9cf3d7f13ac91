"""Geometric median (RFA): the point with the least sum of distances to all uploads, n times.

Pillutla, Kakade, Harchaoui, "Robust Aggregation for Federated Learning", IEEE Transactions on Signal Processing 2022. The smoothed
Weiszfeld algorithm (Algorithm 2) with equal weights for all clients: begin at the mean; in each iteration weigh every upload by the inverse
of its distance to the point, where a distance below `smoothing` counts as `smoothing`. f = floor((n - 1) / 2); the rule never falls back.
"""

from dataclasses import dataclass

from torch import Tensor

from fedrec.aggregation import GroupedUploads, Rule, Scope
from fedrec.interfaces import Positive, Rate


@dataclass(kw_only=True)
class GeometricMedian(Rule):
    paper = "Pillutla et al., IEEE TSP 2022"

    iterations: Positive
    smoothing: Rate
    scope: Scope

    def combine(self, uploads: GroupedUploads) -> tuple[Tensor, None]:
        centres = uploads.sum(uploads.uniform_weights)
        for _ in range(self.iterations):
            nearness = 1 / uploads.distances(centres).clamp_(min=self.smoothing)
            centres = uploads.sum(nearness / uploads.repeat_by_group(uploads.totals(nearness)))
        return centres * uploads.sizes[:, None], None
