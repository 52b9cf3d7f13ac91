"""Any number of held-out items of each user, ranked jointly as RecBole does, and the items that they are ranked against.

A list holds all held-out items of a user and all others: 99 candidates for each of them, or all items that the user has not trained on.
The j-th best held-out item has rank j, counted from 0, plus the number of others that are not below it. A rank from K on gains nothing,
so it is enough to know the K best held-out items and the K best others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn.functional import pad

from fedrec.data.drawing import blocks_of_rows, draw_unseen
from fedrec.evaluation.held_out import together
from fedrec.evaluation.ranking import joint_ranks
from fedrec.interfaces import Interactions
from fedrec.ragged import top_of_columns


@dataclass(frozen=True, slots=True)
class HeldOutLists:
    """The held-out items of B users and what they are ranked against."""

    items: Interactions  # each once
    candidates: Interactions  # a user with too few unseen items has fewer than asked for
    left_out: Interactions  # the items that are no others among all items, even if the user has not trained on them
    n_trained: int  # held-out items that the user also trained on
    k: int  # the largest K

    @classmethod
    def draw(
        cls, items: Interactions, left_out: Interactions, met: Sequence[Interactions], n_candidates: int, k: int, generator: Generator
    ) -> "HeldOutLists":
        """Draw n_candidates for each of the `items`, all distinct for a user, from what the user has not `met`, as `HeldOut.draw`."""
        counts = items.offsets.diff() * n_candidates
        drawn = []
        for block in blocks_of_rows(counts.numpy()):
            users = torch.arange(block.start, block.stop)
            known = together([part.of(users) for part in met])
            drawn.append(draw_unseen(counts[users], known.offsets, known.items, known.n_items, generator))
        sizes = torch.cat([offsets.diff() for offsets, _ in drawn])
        candidates = Interactions(pad(sizes.cumsum(0), (1, 0)), torch.cat([part for _, part in drawn]), items.n_items)
        return cls(items, candidates, left_out, int(np.isin(_pairs(items), _pairs(met[0])).sum()), k)

    @property
    def sizes(self) -> Tensor:
        """How many held-out items each user has, [B] int64."""
        return self.items.offsets.diff()

    @property
    def n_candidates(self) -> Tensor:
        """How many candidates each user has, [B] int64."""
        return self.candidates.offsets.diff()

    def has(self, item: int) -> Tensor:
        """Return who has the item among the held-out ones, [B] bool."""
        having = torch.zeros(self.items.n_users, dtype=torch.bool)
        having[self.items.users[self.items.items == item]] = True
        return having

    def of(self, rows: slice, width: int, device: torch.device) -> "ListBlock":
        """Return the part of consecutive users whose scores come in rows of `width`."""
        users, n_ranks = torch.arange(rows.start, rows.stop), min(self.k, int(self.sizes.max()))  # as many ranks in every block
        items, *others = (part.of(users) for part in (self.items, self.candidates, self.left_out))
        sizes = items.offsets.diff()
        places = torch.arange(len(items.items)) - items.offsets[:-1].repeat_interleave(sizes)
        padded = torch.zeros(max(n_ranks, int(sizes.max())), width, dtype=torch.int64)
        padded[places, items.users] = items.items.long()
        padding = torch.arange(len(padded))[:, None] >= pad(sizes, (0, width - len(sizes)))
        candidates, left_out = ((part.items.long() * width + part.users).sort().values for part in others)  # in the order of memory
        parts = (part.to(device) for part in (padded, padding, candidates.int(), left_out, sizes == 0))
        return ListBlock(n_ranks, self.k, *parts)


@dataclass(frozen=True, slots=True)
class ListBlock:
    """The lists of B users whose scores are [M, W]."""

    n_ranks: int
    k: int
    items: Tensor  # [J, W] int64, padded with 0
    padding: Tensor  # [J, W] bool
    candidates: Tensor  # int32 positions in scores
    left_out: Tensor  # int64 positions in scores
    missing: Tensor  # [B] bool, users without held-out items

    def ranks(self, scores: Tensor, seen: Tensor, *, sampled: bool, full: bool) -> Mapping[str, Tensor]:
        """Return the ranks of the best held-out items among the candidates and among all items; [M, W] -> [B, n_ranks] each.

        `seen` are the positions in scores of what each user trained on. The ranks of a user without held-out items are -1.
        """
        best = scores.gather(0, self.items).masked_fill_(self.padding, -torch.inf)
        best = best.nan_to_num_(-torch.inf, torch.inf, -torch.inf).topk(self.n_ranks, dim=0).values
        ranks: dict[str, Tensor] = {}
        if sampled:
            others, positions = torch.full_like(scores, -torch.inf), self.candidates.long()
            others.view(-1).index_copy_(0, positions, scores.view(-1).index_select(0, positions))
            ranks["sampled"] = self._among(others, best)
        if full:
            others = scores.clone()
            others.view(-1).index_fill_(0, seen, -torch.inf).index_fill_(0, self.left_out, -torch.inf)
            ranks["full"] = self._among(others, best)
        return ranks

    def _among(self, others: Tensor, best: Tensor) -> Tensor:
        """Return the ranks [B, n_ranks] of the best held-out items [n_ranks, W] in lists with others [M, W]."""
        highest, _ = top_of_columns(others, min(self.k, len(others)))
        return joint_ranks(best, highest).T[: len(self.missing)].masked_fill_(self.missing[:, None], -1)


def each_once(interactions: Interactions) -> Interactions:
    """Return interactions of which no user has an item several times.

    >>> each_once(Interactions(torch.tensor([0, 3]), torch.tensor([7, 2, 7], dtype=torch.int32), 8)).items.tolist()
    [2, 7]
    """
    if int(interactions.offsets.diff().max()) <= 1:
        return interactions
    pairs = torch.from_numpy(np.unique(_pairs(interactions)))
    offsets = torch.searchsorted(pairs, torch.arange(interactions.n_users + 1) * interactions.n_items)
    return Interactions(offsets, (pairs % interactions.n_items).int(), interactions.n_items)


def _pairs(interactions: Interactions) -> Tensor:
    return interactions.users * interactions.n_items + interactions.items
