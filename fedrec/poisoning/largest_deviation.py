"""What Min-Max and Min-Sum share: they go from the benign mean in one direction, as far as a distance allows.

The direction is named `deviation` as in their paper: against the mean as a unit vector, against the standard deviation, or against
the signs of the mean. With targets it is the goal that takes the place of the mean, and the deviation goes where the goal is.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import normalize

from fedrec.interfaces import UploadStatistics
from fedrec.poisoning.omniscient import OmniscientAttack

ROUNDING = 1000  # a coordinate so many roundings from 0 at most, of the largest one, has no sign: benign uploads cancel out there
LARGEST_STEP = 20.0  # no search that starts at 10, with steps that are halved, goes farther


@dataclass(kw_only=True)
class LargestDeviation(OmniscientAttack):
    """The benign mean plus the largest allowed multiple of a deviation; it needs `largest_steps`."""

    deviation: Literal["unit", "std", "sign"]

    @abstractmethod
    def largest_steps(self, uploads: UploadStatistics, means: Tensor, deviations: Tensor) -> Tensor:
        """Return how many deviations [J, p], none of which is 0, one may go from the means [J, p] in float64; [J]."""

    def rows(self, uploads: UploadStatistics, n_malicious: Tensor, goal: Tensor | None) -> Tensor:
        means = uploads.means.double()
        deviations = self._deviations(uploads, means, goal)
        somewhere = deviations.any(1)
        steps = self.largest_steps(uploads, means, deviations).clamp(max=LARGEST_STEP)
        return (means + torch.where(somewhere, steps, 0)[:, None] * deviations).to(uploads.means)

    def _deviations(self, uploads: UploadStatistics, means: Tensor, goal: Tensor | None) -> Tensor:
        """Return the direction for each thing, [J, p] float64."""
        towards = means if goal is None else goal.double().expand_as(means)
        if self.deviation == "unit":
            return -normalize(towards, eps=1e-300)
        rounding = ROUNDING * torch.finfo(uploads.means.dtype).eps * towards.abs().amax(1, keepdim=True)  # [J, 1]
        signs = torch.where(towards.abs() > rounding, -towards.sign(), 0)
        if self.deviation == "sign":
            return signs
        return uploads.stds.double() * (signs if goal is not None else -1)
