"""Leave-one-out (supplement A.1): each user's latest interaction is held out for the test, the one before for validation."""

import numpy as np
import torch
from torch import Tensor

from fedrec.data.reading import Integers
from fedrec.interfaces import Interactions, Split


def by_user(users: Integers, items: Integers, n_users: int, n_items: int) -> Interactions:
    """Group interactions [I], given in order of time, by user; the order within a user stays.

    >>> by_user(np.array([1, 0, 1]), np.array([4, 2, 3]), 2, 5).items.tolist()
    [2, 4, 3]
    """
    order = users.argsort(kind="stable")
    offsets = np.concatenate([[0], np.bincount(users, minlength=n_users).cumsum()])
    return Interactions(torch.from_numpy(offsets), torch.from_numpy(items[order].astype(np.int32)), n_items)


def leave_one_out(name: str, interactions: Interactions, validation: bool) -> Split:
    """Hold out each user's last interaction and, with `validation`, the one before.

    A user's only remaining interaction stays in training: such a user has no validation or test item (-1).
    """
    train, test = hold_out(interactions, latest(interactions))
    train, held = hold_out(train, latest(train)) if validation else (train, None)
    return Split(name, train, test, held)


def latest(interactions: Interactions) -> Tensor:
    """Return where the last interaction stands of each user who has another one, ascending, [n] int64."""
    return (interactions.offsets[1:] - 1)[interactions.offsets.diff() >= 2]


def hold_out(interactions: Interactions, positions: Tensor) -> tuple[Interactions, Interactions]:
    """Take interactions out; positions [n] int64 index `interactions.items`, ascending. Return what is left, and what was taken.

    >>> train, held = hold_out(Interactions(torch.tensor([0, 2, 3]), torch.tensor([5, 6, 7]), 8), torch.tensor([1]))
    >>> train.offsets.tolist(), train.items.tolist(), held.offsets.tolist(), held.items.tolist()
    ([0, 1, 2], [5, 7], [0, 1, 1], [6])
    """
    left = torch.ones(len(interactions.items), dtype=torch.bool)
    left[positions] = False
    ends = torch.searchsorted(positions, interactions.offsets)  # [U + 1], how many are taken before each user
    items = torch.from_numpy(interactions.items.numpy()[left.numpy()])  # torch would make the positions first, in 64 bits
    train = Interactions(interactions.offsets - ends, items, interactions.n_items)
    return train, Interactions(ends, interactions.items[positions], interactions.n_items)
