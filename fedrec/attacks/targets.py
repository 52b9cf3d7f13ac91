"""Which items an experiment promotes (Sec. VI-A): the experimenter's choice, not the attacker's knowledge."""

from typing import Literal

import torch
from torch import Generator, Tensor

from fedrec.data.interactions import Interactions


def choose_targets(
    targets: Literal["random", "unpopular"] | list[int], num_targets: int, train: Interactions, generator: Generator
) -> Tensor:
    """Distinct target items [T] int64: drawn uniformly, the least popular (ties at random), or those named.

    Raises ValueError if an item does not exist, is named twice, or if no item would be left to recommend.
    """
    if not isinstance(targets, str):
        chosen = torch.tensor(targets, dtype=torch.int64)
        if len(set(targets)) < len(targets):
            raise ValueError(f"attack.targets = {targets}: an item is named twice")
        if not targets or max(targets) >= train.n_items:
            raise ValueError(f"attack.targets = {targets}: allowed is a list of one or more item ids from 0 to {train.n_items - 1}")
        if len(targets) == train.n_items:
            raise ValueError(f"attack.targets: all {train.n_items} items would be targets; at most {train.n_items - 1}")
        return chosen
    if num_targets >= train.n_items:
        raise ValueError(f"attack.num_targets = {num_targets}: all {train.n_items} items would be targets; at most {train.n_items - 1}")
    shuffled = torch.randperm(train.n_items, generator=generator)
    if targets == "unpopular":
        shuffled = shuffled[torch.argsort(train.popularity()[shuffled], stable=True)]
    return shuffled[:num_targets]
