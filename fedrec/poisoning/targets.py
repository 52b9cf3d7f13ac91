"""Which items an experiment promotes (Sec. VI-A). The experimenter decides, not the attacker."""

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
import torch
from torch import Generator, Tensor

from fedrec.data.nearest_ids import nearest_ids
from fedrec.interfaces import Ids, Interactions
from fedrec.randomness import PUBLISHED_SEED


def choose_targets(
    targets: Literal["random", "unpopular", "published"] | Sequence[int | str],
    num_targets: int,
    train: Interactions,
    item_ids: Ids,
    generator: Generator,
) -> Tensor:
    """Return the numbers of distinct target items [T] int64.

    `random` draws them uniformly; `unpopular` takes the least popular, ties at random; a list names them by their `item_ids` [M], where
    7 and "7" are the same. `published` draws uniformly with the one seed of the released code of MF-FRS: in a split numbered as its own,
    these are its targets.

    Raises ValueError if an item does not exist, is named twice, or if no item would be left to recommend.
    """
    if train.n_items == 1:
        raise ValueError("the data set has one item only: beside a target item there must be one to recommend")
    if not isinstance(targets, str):
        return _named(list(map(str, targets)), item_ids)
    if num_targets >= train.n_items:
        raise ValueError(f"attack.num_targets = {num_targets}: all {train.n_items} items would be targets; at most {train.n_items - 1}")
    if targets == "published":  # the first that the released code draws
        return torch.from_numpy(np.random.RandomState(PUBLISHED_SEED).choice(train.n_items, num_targets, replace=False))
    shuffled = torch.randperm(train.n_items, generator=generator)
    if targets == "unpopular":
        shuffled = shuffled[torch.argsort(train.popularity()[shuffled], stable=True)]
    return shuffled[:num_targets]


def _named(targets: list[str], item_ids: Ids) -> Tensor:
    """Return the numbers of the items that have these ids, [T] int64. Raises ValueError as `choose_targets` does."""
    wanted, numbers = set(targets), dict[str, int]()
    if not targets or len(wanted) < len(targets):
        told = "an item is named twice" if targets else "allowed is a list of one id or more"
        raise ValueError(f"attack.targets = [{', '.join(targets)}]: {told}")
    for number, one in _texts(item_ids):
        if one in wanted and numbers.setdefault(one, number) != number:
            raise ValueError(f"attack.targets: the data set has several items with the id {one}, so it names none of them")
    if strange := [one for one in targets if one not in numbers]:
        nearest = ", ".join(nearest_ids(strange[0], item_ids))
        raise ValueError(
            f"attack.targets: there is no item {strange[0]}, the data set has {len(item_ids)} items; the nearest ids are {nearest}"
        )
    if len(targets) == len(item_ids):
        raise ValueError(f"attack.targets: all {len(item_ids)} items would be targets; at most {len(item_ids) - 1}")
    return torch.tensor([numbers[one] for one in targets])


def _texts(item_ids: Ids) -> Iterator[tuple[int, str]]:
    return enumerate(map(str, item_ids.tolist()))
