"""The held-out item of each user, and the items that it is ranked against; drawn once per run."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn.functional import pad

from fedrec.data.drawing import draw_unseen
from fedrec.evaluation.ranking import rank
from fedrec.interfaces import Interactions

DRAWN_AT_ONCE = 50_000  # users: the draw needs several times the memory of its result


@dataclass(frozen=True, slots=True)
class HeldOut:
    """One held-out item and up to 99 candidates of each of B users."""

    items: Tensor  # [B] int64, 0 for a user without one; [W] in a block of users
    candidates: Tensor  # [99, B] int32, ascending, padded with 0 for a user with fewer unseen items; in a block positions in scores [M, W]
    missing: Tensor  # [B] bool, users without a held-out item
    padding: Tensor | None  # [99, B] bool; None if there is no padding
    itself: Tensor  # [B] int64, 0 if the user also trained on the held-out item, else 1

    @classmethod
    def draw(cls, items: Tensor, met: Sequence[Interactions], n_candidates: int, generator: Generator) -> "HeldOut":
        """Draw candidates from what the user has not `met`: trained on, which stands first, or held out; items [B], -1 = none."""
        seen = met[0]
        candidates = torch.empty(n_candidates, len(items), dtype=torch.int32)
        for rows in torch.arange(len(items)).split(DRAWN_AT_ONCE):
            drawn = _candidates(together([part.of(rows) for part in met]), n_candidates, generator)
            candidates[:, rows[0] : rows[-1] + 1] = drawn.T
        padding = candidates == seen.n_items
        itself = torch.ones(len(items), dtype=torch.int64)
        itself[seen.users[seen.items == items[seen.users]]] = 0
        return cls(items.clamp(min=0), candidates.masked_fill_(padding, 0), items < 0, padding if padding.any() else None, itself)

    def of(self, rows: slice, width: int, device: torch.device) -> "HeldOut":
        """Return the part of consecutive users whose scores come in rows of `width`."""
        users = torch.arange(rows.stop - rows.start, dtype=torch.int32)
        positions = (self.candidates[:, rows] * width + users).to(device)  # selecting is much faster than gathering
        padding = None if self.padding is None else self.padding[:, rows].to(device)
        items, missing, itself = (part[rows].to(device) for part in (self.items, self.missing, self.itself))
        return HeldOut(pad(items, (0, width - len(items))), positions, missing, padding, itself)

    @property
    def sizes(self) -> Tensor:
        """How many held-out items each user has, 0 or 1, [B] int64."""
        return (~self.missing).long()

    @property
    def n_candidates(self) -> Tensor:
        """How many candidates each user has, [B] int64."""
        padding = self.missing.new_zeros(1).long() if self.padding is None else self.padding.sum(0)
        return (len(self.candidates) - padding).expand(len(self.missing))

    @property
    def n_trained(self) -> int:
        """How many held-out items their users also trained on."""
        return int((self.itself == 0).sum())

    def has(self, item: int) -> Tensor:
        """Return whose held-out item it is, [B] bool."""
        return (self.items == item) & ~self.missing

    def score(self, scores: Tensor) -> Tensor:
        """Return the score of each user's held-out item, some score for a user without one; [M, W] -> [W]."""
        return scores.gather(0, self.items[None])[0]

    def rank_sampled(self, scores: Tensor, reference: Tensor) -> Tensor:
        """Return the rank from 0 among the candidates, -1 for a user without a held-out item; [M, W], [W] -> [B]."""
        among = scores.view(-1).index_select(0, self.candidates.view(-1)).view_as(self.candidates)  # [99, B]
        if self.padding is not None:
            among.masked_fill_(self.padding, -torch.inf)
        return rank(among, reference[: len(self.missing)]).masked_fill_(self.missing, -1)

    def rank_full(self, scores: Tensor, reference: Tensor) -> Tensor:
        """Return the rank from 0 among all items; scores of items that a user trained on are -inf; [M, W], [W] -> [B]."""
        return rank(scores, reference)[: len(self.missing)].sub_(self.itself).masked_fill_(self.missing, -1)


def together(parts: Sequence[Interactions]) -> Interactions:
    """Return all interactions of the same users and items, those of the first part before those of the next.

    >>> parts = [Interactions(torch.tensor([0, 1, 2]), torch.tensor(items), 9) for items in ([4, 5], [6, 7])]
    >>> together(parts).offsets.tolist(), together(parts).items.tolist()
    ([0, 2, 4], [4, 6, 5, 7])
    """
    order = torch.argsort(torch.cat([part.users for part in parts]), stable=True)
    offsets = torch.stack([part.offsets for part in parts]).sum(0)
    return Interactions(offsets, torch.cat([part.items for part in parts])[order], parts[0].n_items)


def _candidates(met: Interactions, n_candidates: int, generator: Generator) -> Tensor:
    """Draw candidates [B, n_candidates], ascending, so that scores are read in the order of memory; n_items fills up a row."""
    drawn_offsets, drawn = draw_unseen(torch.full((met.n_users,), n_candidates), met.offsets, met.items, met.n_items, generator)
    candidates = torch.full((met.n_users, n_candidates), met.n_items, dtype=torch.int32)
    candidates[torch.arange(n_candidates) < drawn_offsets.diff()[:, None]] = drawn
    return torch.from_numpy(np.sort(candidates.numpy(), axis=1))  # torch would also make the order, in 64 bits
