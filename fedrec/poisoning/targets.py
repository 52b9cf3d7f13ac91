"""Which items an experiment promotes (Sec. VI-A). The experimenter decides, not the attacker."""

from typing import Literal

import numpy as np
import torch
from torch import Generator, Tensor

from fedrec.interfaces import Interactions
from fedrec.randomness import PUBLISHED_SEED


def choose_targets(
    targets: Literal["random", "unpopular", "published"] | list[int], num_targets: int, train: Interactions, generator: Generator
) -> Tensor:
    """Return distinct target items [T] int64.

    `random` draws them uniformly; `unpopular` takes the least popular, ties at random; a list names them. `published` draws uniformly
    with the one seed of the released code of MF-FRS: in a split numbered as its own, these are its targets.

    Raises ValueError if an item does not exist, is named twice, or if no item would be left to recommend.
    """
    if not isinstance(targets, str):
        if len(set(targets)) < len(targets):
            raise ValueError(f"attack.targets = {targets}: an item is named twice")
        if not targets or max(targets) >= train.n_items:
            raise ValueError(f"attack.targets = {targets}: allowed is a list of one or more item ids from 0 to {train.n_items - 1}")
        if len(targets) == train.n_items:
            raise ValueError(f"attack.targets: all {train.n_items} items would be targets; at most {train.n_items - 1}")
        return torch.tensor(targets, dtype=torch.int64)
    if num_targets >= train.n_items:
        raise ValueError(f"attack.num_targets = {num_targets}: all {train.n_items} items would be targets; at most {train.n_items - 1}")
    if targets == "published":  # the first that the released code draws
        return torch.from_numpy(np.random.RandomState(PUBLISHED_SEED).choice(train.n_items, num_targets, replace=False))
    shuffled = torch.randperm(train.n_items, generator=generator)
    if targets == "unpopular":
        shuffled = shuffled[torch.argsort(train.popularity()[shuffled], stable=True)]
    return shuffled[:num_targets]
