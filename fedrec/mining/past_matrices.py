"""The item matrices of past rounds, in little memory.

Only the newest one is whole, and it is the server's own. Of an older one are kept the rows that later rounds replaced, because a round
changes the items of its clients only. An attack and a defense share these rows.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from fedrec.interfaces import ReplacedRows

MILESTONE = 32  # matrices from one milestone to the next


class PastMatrices:
    """Replaced rows come in, and rows of a few items go out. Rows that were asked for stay at hand, of `n_at_hand` items at most."""

    def __init__(self, n_at_hand: int) -> None:
        self.n_at_hand = n_at_hand
        self.forget()

    def forget(self) -> None:
        """Forget everything."""
        self.rounds: list[int] = []  # R, ascending
        self.newest = torch.empty(0)  # [M, d], what clients receive now
        self.replaced: dict[int, list[tuple[Tensor | None, Tensor]]] = {}  # round -> what it and those until the next of R replaced
        self.path = torch.empty(0)  # [M], how far each item has moved in all, from one round to the next
        self.milestones: dict[int, Tensor] = {}  # round -> the path up to it
        self.at_hand = torch.empty(0, dtype=torch.int32)  # [A] items, ascending
        self.rows_at_hand: dict[int, Tensor] = {}  # round -> their rows [A, d]

    def remember(self, round: int, items: Tensor) -> None:
        """Remember the matrix [M, d] of a later round. The server may change it in place, if `follow` is told what it replaced."""
        self.newest = items
        if not self.rounds:
            self.path, self.at_hand = items.new_zeros(len(items)), self.at_hand.to(items.device)
        if len(self.rounds) % MILESTONE == 0:
            self.milestones[round] = self.path.clone()
        self.rounds.append(round)
        self.rows_at_hand[round] = items.index_select(0, self.at_hand)
        if len(self.rounds) == 2 * MILESTONE:  # to look up all of them later, in one round, would take long
            self.rows([round], self.path.topk(min(self.n_at_hand // 2, len(items))).indices.sort().values.int())

    def follow(self, replaced: ReplacedRows) -> None:
        """Keep the rows that a round replaced."""
        if not self.rounds:
            return
        if replaced.touched is None:
            self.path += replaced.lengths
        else:
            self.path.index_add_(0, replaced.touched, replaced.lengths)
        kept, (items, rows) = self.replaced.setdefault(self.rounds[-1], []), replaced.moved
        if len(rows) and not (kept and kept[-1][0] is None):  # a whole matrix has all that came later
            kept.append((items, rows))

    def forget_before(self, first: int) -> None:
        """Forget the matrices of rounds before `first`, which is remembered."""
        n_forgotten = self.rounds.index(first)
        for round in self.rounds[:n_forgotten]:
            self.replaced.pop(round, None)
            self.rows_at_hand.pop(round, None)
        del self.rounds[:n_forgotten]
        last = max(milestone for milestone in self.milestones if milestone <= first)
        self.milestones = {round: path for round, path in self.milestones.items() if round >= last}

    def rows(self, rounds: Sequence[int], items: Tensor) -> Tensor:
        """Return the rows of some items, ascending [K] int32, in the matrices of R of the rounds, [R, K, d]."""
        missing = items[~torch.isin(items, self.at_hand, assume_unique=True)]
        if len(missing) + len(self.at_hand) > self.n_at_hand:
            return torch.stack(self._look_up(rounds, items))
        if len(missing):
            self.at_hand, order = torch.cat([self.at_hand, missing]).sort()
            for round, found in zip(self.rounds, self._look_up(self.rounds, missing), strict=True):
                self.rows_at_hand[round] = torch.cat([self.rows_at_hand.get(round, found[:0]), found]).index_select(0, order)
        places = torch.searchsorted(self.at_hand, items)
        return torch.stack([self.rows_at_hand[round].index_select(0, places) for round in rounds])

    def _look_up(self, rounds: Sequence[int], items: Tensor) -> list[Tensor]:
        """Return the rows [K, d] of items in the matrix of each round: from the newest matrix back to the oldest one."""
        current, found, wanted = self.newest.index_select(0, items), [], set(rounds)
        for round in reversed(self.rounds):
            for replaced, rows in reversed(self.replaced.get(round, [])):
                if replaced is None:
                    current = rows.index_select(0, items)
                else:
                    places = torch.searchsorted(replaced, items).clamp_(max=len(replaced) - 1)
                    was_replaced = replaced.index_select(0, places) == items
                    current = torch.where(was_replaced[:, None], rows.index_select(0, places), current)
            if round in wanted:
                found.append(current)
        return found[::-1]

    def state_dict(self) -> dict[str, Any]:
        kept = {"rounds": list(self.rounds), "replaced": {round: list(pieces) for round, pieces in self.replaced.items()}}
        return {**kept, "path": self.path.clone(), "milestones": dict(self.milestones)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.forget()
        self.rounds, self.replaced = list(state["rounds"]), {round: list(pieces) for round, pieces in state["replaced"].items()}
        self.path, self.milestones = state["path"].clone(), dict(state["milestones"])
        self.at_hand = self.at_hand.to(self.path.device)
