"""One held-out item per user and the items it is ranked against, drawn once per run."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from fedrec.data.drawing import draw_unseen
from fedrec.data.interactions import Interactions
from fedrec.evaluation.ranking import rank


@dataclass(frozen=True, slots=True)
class HeldOut:
    items: Tensor  # [B] int64, -1 = this user has none
    candidates: Tensor  # [B, 99] int64, padded with -1 where a user has met almost everything
    trained: Tensor  # [B] int64: 1 if the user also trained on the held-out item (repeat purchase)

    @classmethod
    def draw(cls, items: Tensor, seen: Interactions, excluded: list[Tensor], n_candidates: int, generator: Generator) -> "HeldOut":
        """Candidates are items the user neither trained on (`seen`) nor has held out (`excluded`, each [B])."""
        rows = torch.arange(len(items))
        known = [excluded_items >= 0 for excluded_items in excluded]
        owners = torch.cat([seen.users, *(rows[has] for has in known)])
        met = torch.cat([seen.items, *(part[has].int() for part, has in zip(excluded, known, strict=True))])
        order = torch.argsort(owners, stable=True)
        offsets = torch.cat([torch.zeros(1, dtype=torch.int64), torch.bincount(owners, minlength=len(items)).cumsum(0)])
        counts = torch.full((len(items),), n_candidates)
        drawn_offsets, drawn = draw_unseen(counts, offsets, met[order], seen.n_items, generator)
        candidates = torch.full((len(items), n_candidates), -1)
        sizes = drawn_offsets.diff()
        candidates[torch.arange(n_candidates) < sizes[:, None]] = drawn.long()
        trained = torch.zeros(len(items), dtype=torch.int64)
        trained[seen.users[seen.items == items[seen.users]]] = 1
        return cls(items, candidates, trained)

    def of(self, rows: Tensor, device: torch.device) -> "HeldOut":
        """The same of some users only."""
        return HeldOut(*(part[rows].to(device) for part in (self.items, self.candidates, self.trained)))

    def score(self, scores: Tensor) -> Tensor:
        """The held-out item's score; any number for a user without one; [B, M] -> [B]."""
        return scores.gather(1, self.items.clamp(min=0)[:, None])[:, 0]

    def rank_sampled(self, scores: Tensor, reference: Tensor) -> Tensor:
        """Rank from 0 among the candidates, -1 for a user without a held-out item; [B, M], [B] -> [B]."""
        among = scores.gather(1, self.candidates.clamp(min=0)).masked_fill_(self.candidates < 0, -torch.inf)  # [B, 99]
        return rank(among, reference).masked_fill_(self.items < 0, -1)

    def rank_full(self, scores: Tensor, reference: Tensor) -> Tensor:
        """Rank from 0 among all items not trained on, whose scores must be masked; [B, M], [B] -> [B]."""
        itself = 1 - self.trained  # masked if it was trained on: then it does not count itself
        return (rank(scores, reference) - itself).masked_fill_(self.items < 0, -1)
