"""Which items are hardest to rank right: lists that each client of FRecAttack2 draws up anew, but replaces only with reason.

Hao et al., "Not One Less", CCS 2024. In early rounds the items whose scores have risen most will be liked, and later the items whose
scores are highest. A client goes by the rise at first. Each of its two lists, of the liked and of the disliked items, changes only when
the new list has more in common with that of the client's last participation than ever before. Once both lists have stayed as they are
for `patience` participations, the client goes by the scores, and starts anew with a patience of `later_patience`.
"""

from typing import Any

import torch
from torch import Tensor

FREE = 3  # participations whose lists are taken as they come


class HardItems:
    """The lists of all malicious clients, with n items each."""

    def __init__(self, n_clients: int, n: int, patience: int, later_patience: int, device: torch.device) -> None:
        self.n, self.patience, self.later_patience = n, patience, later_patience
        self.state = {
            "lists": torch.zeros(n_clients, 2, n, dtype=torch.int64, device=device),  # the liked items, and the disliked ones
            "latest": torch.zeros(n_clients, 2, n, dtype=torch.int64, device=device),  # the same as the last participation had them
            "most": torch.zeros(n_clients, 2, dtype=torch.int64, device=device),  # the largest overlap so far
            "unchanged": torch.zeros(n_clients, 2, dtype=torch.int64, device=device),  # participations
            "participations": torch.zeros(n_clients, dtype=torch.int64, device=device),
            "by_score": torch.zeros(n_clients, dtype=torch.bool, device=device),
        }

    def update(self, clients: Tensor, rises: Tensor, scores: Tensor) -> Tensor:
        """Take note of how far the scores of all items have risen and of the scores, [A, M]; return the clients' lists, [A, 2, n]."""
        lists, latest, most, unchanged, participations, by_score = (value[clients] for value in self.state.values())
        order = torch.where(by_score[:, None], scores, rises).sort(dim=1, descending=True, stable=True).indices  # [A, M]
        new = torch.stack([order[:, : self.n], order[:, order.shape[1] - self.n :]], 1)  # [A, 2, n]
        overlaps = self.overlaps(new, latest, rises.shape[1])
        free, waits = participations < FREE, unchanged < torch.where(by_score, self.later_patience, self.patience)[:, None]
        ends = ~free & ~waits.any(1)
        grows = waits & (overlaps > most) & ~free[:, None]
        held = waits & ~grows & ~free[:, None]
        after = {
            "lists": torch.where((grows | free[:, None])[..., None], new, lists),
            "latest": new,
            "most": torch.where(grows, overlaps, most).masked_fill(ends[:, None], 0),
            "unchanged": (unchanged + held.long()).masked_fill(grows | ends[:, None], 0),
            "participations": participations + 1,
            "by_score": by_score | ends,
        }
        for name, value in after.items():
            self.state[name][clients] = value
        return after["lists"]

    @staticmethod
    def overlaps(first: Tensor, second: Tensor, n_items: int) -> Tensor:
        """Return how many items two lists share; [A, 2, n], [A, 2, n] -> [A, 2]."""
        listed = torch.zeros(*first.shape[:2], n_items, dtype=torch.bool, device=first.device).scatter_(2, first, True)
        return listed.gather(2, second).sum(2)

    def state_dict(self) -> dict[str, Any]:
        return {name: value.clone() for name, value in self.state.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.state = {name: value.clone() for name, value in state.items()}
