"""How interactions are split. Leave-one-out (supplement A.1) holds out each user's latest for the test, the one before for validation."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from fedrec.interfaces import Interactions, Split

Numbers = NDArray[np.integer[Any]]


def by_user(users: Numbers, items: Numbers, n_users: int, n_items: int) -> Interactions:
    """Group interactions [I], given in order of time, by user; the order within a user stays.

    >>> by_user(np.array([1, 0, 1]), np.array([4, 2, 3]), 2, 5).items.tolist()
    [2, 4, 3]
    """
    order = users.argsort(kind="stable")
    offsets = np.concatenate([[0], np.bincount(users, minlength=n_users).cumsum()])
    return Interactions(torch.from_numpy(offsets), torch.from_numpy(items[order].astype(np.int32)), n_items)


Choice = Callable[[Interactions], Tensor]  # where the interactions stand that are held out, [n] int64, ascending


def split_by(choice: Choice, name: str, interactions: Interactions, validation: bool) -> Split:
    """Hold out what a rule chooses for the test and, with `validation`, what it chooses of the rest for validation."""
    train, test = hold_out(interactions, choice(interactions))
    train, held = hold_out(train, choice(train)) if validation else (train, None)
    return Split(name, train, test, held)


def leave_one_out(name: str, interactions: Interactions, validation: bool) -> Split:
    """Hold out each user's last interaction and, with `validation`, the one before.

    A user's only remaining interaction stays in training: such a user has no validation or test item.
    """
    return split_by(latest, name, interactions, validation)


def latest(interactions: Interactions) -> Tensor:
    """Choose the last interaction of each user who has another one."""
    return (interactions.offsets[1:] - 1)[interactions.offsets.diff() >= 2]


def last_share(interactions: Interactions, share: float) -> Tensor:
    """Choose the last interactions of each user who has two or more: a share of them rounded down, but at least one.

    >>> last_share(Interactions(torch.tensor([0, 1, 11]), torch.arange(11), 11), 0.2).tolist()
    [9, 10]
    """
    sizes = interactions.offsets.diff()
    counts = torch.where(sizes >= 2, (sizes * share).long().clamp(min=1), 0)  # [U]
    starts = interactions.offsets[1:] - counts
    return torch.arange(int(counts.sum())) + (starts - (counts.cumsum(0) - counts)).repeat_interleave(counts)


def shuffled(choice: Choice, generator: Generator) -> Choice:
    """Return the rule that chooses as many interactions of each user as `choice`, at random."""

    def chosen(interactions: Interactions) -> Tensor:
        keys = torch.rand(len(interactions.items), dtype=torch.float64, generator=generator).numpy()
        order = torch.from_numpy(np.lexsort([keys, interactions.users.numpy()]))  # of each user, the order is random
        return order[choice(interactions)].sort().values

    return chosen


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
