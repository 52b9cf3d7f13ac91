"""What an evaluation reads of a federation that trains: its present state, and facts about it."""

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor

from fedrec.interfaces import GlobalModel


class TrainedState(Protocol):
    """A federation between two rounds."""

    n_malicious: int
    negatives_per_positive: int
    users: Tensor  # [U, d]
    global_model: GlobalModel

    def mined_items(self) -> Mapping[str, Tensor]:
        """Return the items that the clients of a part, `attack` or `defense`, have mined so far, [clients, N]."""
