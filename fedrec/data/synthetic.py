"""Synthetic interactions of any size, with few popular items and few active users, for tests and for scaling experiments.

Each user draws distinct items one after another, with probabilities proportional to rank^-exponent, where rank is the item's rank by
popularity; item ids are shuffled. Users' activity is log-normal, roughly as in MovieLens. The order of draw is the order of time.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Generator, Tensor

from fedrec.data.drawing import draw_unseen
from fedrec.data.splitting import leave_one_out
from fedrec.interfaces import Countable, Interactions, Split

LEAST = 3  # interactions of a user: one each for training, validation and test, so that `validation` changes nothing else


@dataclass(kw_only=True)
class Synthetic:
    """users, items, interactions: how many, held-out ones included; exponent 0 makes all items equally popular."""

    paper = "drawn, not published: Zipf's law over items, log-normal activity of users"

    users: Countable
    items: Countable
    interactions: Countable
    exponent: Annotated[float, Field(ge=0, le=10)]
    validation: bool

    @property
    def n_training(self) -> int:
        """The number of interactions that nobody holds out."""
        return self.interactions - self.users * (2 if self.validation else 1)

    def load(self, generator: Generator) -> Split:
        """Draw the split. Raises ValueError if users cannot have 3 interactions each, or need more than half of the items on average."""
        most = self.items // 2
        if most < LEAST:
            raise ValueError(f"dataset.items={self.items}: at least {2 * LEAST}, so that {LEAST} are half of them or fewer")
        if not LEAST * self.users <= self.interactions <= most * self.users:
            raise ValueError(
                f"dataset.interactions={self.interactions} out of range: {self.users} users need at least {LEAST * self.users} "
                f"({LEAST} each) and can have at most {most * self.users} (half of {self.items} items each)"
            )
        sizes = activity(self.users, self.interactions, most, generator)
        ranks = 1 + torch.randperm(self.items, generator=generator)  # [M]
        nothing = torch.zeros(self.users + 1, dtype=torch.int64), torch.zeros(0, dtype=torch.int32)
        offsets, items = draw_unseen(sizes, *nothing, self.items, generator, weights=ranks.double() ** -self.exponent)
        return leave_one_out("synthetic", Interactions(offsets, items, self.items), self.validation)


def activity(n_users: int, total: int, most: int, generator: Generator) -> Tensor:
    """Draw the number of interactions of each user, [U] int64 in LEAST..most, with this total and a long tail."""
    weights = torch.randn(n_users, dtype=torch.float64, generator=generator).exp().numpy()  # [U]
    low, high = 0.0, total / weights.min()
    for _ in range(100):  # bisect for the scale at which the clipped sizes have this total
        middle = (low + high) / 2
        low, high = (middle, high) if np.clip(weights * middle, LEAST, most).sum() < total else (low, middle)
    sizes = np.clip(weights * high, LEAST, most)
    whole = np.floor(sizes).astype(np.int64)
    rest = np.where(whole < most, sizes - whole, -1.0)
    whole[np.argsort(-rest, kind="stable")[: total - whole.sum()]] += 1
    return torch.from_numpy(whole)
