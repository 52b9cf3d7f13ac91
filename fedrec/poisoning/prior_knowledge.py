"""What an attacker is told beyond the threat model if its options ask for it (Table I). The experimenter decides, not the attacker."""

import torch
from torch import Generator

from fedrec.interfaces import Interactions, PriorKnowledge, PriorWanted


def reveal(wanted: PriorWanted, train: Interactions, generator: Generator, device: torch.device) -> PriorKnowledge:
    """Return what was asked for. Draw xi * n of a user's n training items, rounded up or down at random so that the mean share is xi."""
    popularity = (train.popularity_ranks().to(device), train.popularity().to(device)) if wanted.popularity else (None, None)
    if not wanted.interactions:
        return PriorKnowledge(None, *popularity)
    sizes = train.offsets.diff()  # [U]
    counts = (wanted.interactions * sizes + torch.rand(len(sizes), generator=generator)).floor().long().clamp(max=sizes)
    order = torch.rand(len(train.items), generator=generator).argsort()
    order = order[train.users[order].argsort(stable=True)]  # by user, and at random within each
    turn = torch.arange(len(order)) - train.offsets[:-1].repeat_interleave(sizes)
    known = order[turn < counts.repeat_interleave(sizes)].sort().values
    return PriorKnowledge((train.users[known].to(device), train.items[known].long().to(device)), *popularity)
