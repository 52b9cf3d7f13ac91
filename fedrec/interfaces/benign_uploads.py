"""What an omniscient attacker knows of a round: statistics of what its benign clients upload (`PriorWanted.uploads`).

A client uploads one gradient for an item or a tensor of the scorer, after its own side of a defense. All numbers are computed when they
are first asked for.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Tensor


class UploadStatistics(ABC):
    """Statistics of the benign uploads for J things: for J items, or for one tensor of the scorer, which is flat here (J = 1).

    Letters in shape comments as in `fedrec.interfaces`; p numbers in an upload, N uploads in all.
    """

    @property
    @abstractmethod
    def counts(self) -> Tensor:
        """How many clients upload something for each, [J] int64, >= 1."""

    @property
    @abstractmethod
    def sums(self) -> Tensor:
        """Their sum, [J, p]."""

    @property
    def means(self) -> Tensor:
        """Their mean, [J, p]."""
        return self.sums / self.counts[:, None]

    @property
    @abstractmethod
    def stds(self) -> Tensor:
        """The standard deviation of each coordinate, [J, p]: that of the population, divided by n; 0 of a single upload."""

    @property
    @abstractmethod
    def places(self) -> Tensor:
        """Which of the J things each upload is for, [N] int64, in no order."""

    @abstractmethod
    def squared_distances(self, points: Tensor) -> Tensor:
        """Return the squared distance of each upload to the point of its thing; [J, p] -> [N] float64, in the order of `places`."""

    @abstractmethod
    def diameters(self) -> Tensor:
        """Return the largest distance between two uploads for each, [J] float64; 0 of a single one."""


class BenignUploads(UploadStatistics):
    """Statistics of the benign uploads of a round for items, and by name for the tensors of the scorer."""

    @property
    @abstractmethod
    def items(self) -> Tensor:
        """The items that a benign client uploads something for, [J] int64, ascending."""

    @abstractmethod
    def only(self, chosen: Tensor) -> UploadStatistics:
        """Return the statistics for the chosen ones of these items alone, [J] bool."""

    @property
    @abstractmethod
    def scorer(self) -> Mapping[str, UploadStatistics]:
        """The same of each tensor of the scorer; empty if it has none, or if no benign client takes part."""
