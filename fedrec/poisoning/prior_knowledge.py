"""What an attacker is told beyond the threat model, if its options ask for it (Table I): the experimenter's choice."""

import torch
from torch import Generator

from fedrec.interfaces import Interactions, PriorKnowledge, PriorWanted


def reveal(wanted: PriorWanted, train: Interactions, generator: Generator, device: torch.device) -> PriorKnowledge:
    """The knowledge asked for. Of a user's n training items xi * n are drawn, rounded up or down at random so that the share is met."""
    ranks = train.popularity_ranks().to(device) if wanted.popularity else None
    if not wanted.interactions:
        return PriorKnowledge(None, ranks)
    sizes = train.offsets.diff()  # [U]
    counts = (wanted.interactions * sizes + torch.rand(len(sizes), generator=generator)).floor().long().clamp(max=sizes)
    keys = torch.rand(len(train.items), generator=generator)
    order = keys.argsort()
    order = order[train.users[order].argsort(stable=True)]  # by user, at random within one
    turn = torch.arange(len(order)) - train.offsets[:-1].repeat_interleave(sizes)
    known = order[turn < counts.repeat_interleave(sizes)].sort().values
    return PriorKnowledge((train.users[known].to(device), train.items[known].long().to(device)), ranks)
