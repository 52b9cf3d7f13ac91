"""The item matrices of past rounds, in little memory.

Only the newest one is whole. Of each older one are kept the rows that the next one replaced, because a round changes the items of its
clients only. An attack and a defense that see the same matrices share these rows.
"""

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

MILESTONE = 32  # matrices from one milestone to the next

Result = TypeVar("Result")


def once_a_pair(function: Callable[[Tensor, Tensor], Result]) -> Callable[[Tensor, Tensor], Result]:
    """Let a function of two matrices work once for all who ask, as long as the second matrix lives."""
    known = WeakTensorKeyDictionary()  # second matrix -> first one, result

    def shared(before: Tensor, after: Tensor) -> Result:
        if after not in known or known[after][0]() is not before:
            known[after] = weakref.ref(before), function(before, after)
        result: Result = known[after][1]
        return result

    return shared


@once_a_pair
def lengths_of_changes(before: Tensor, after: Tensor) -> Tensor:
    """Return how far each item moved, [M]."""
    lengths: Tensor = torch.linalg.vector_norm(after - before, dim=1)
    return lengths


@once_a_pair
def replaced_rows(before: Tensor, after: Tensor) -> tuple[Tensor | None, Tensor]:
    """Return the items that moved, ascending [k] int32, and their rows before, [k, d]. If most items moved: None and all rows.

    Item 0 is always among them, so that there is one.
    """
    has_moved = lengths_of_changes(before, after) != 0
    has_moved[0] = True
    moved = has_moved.nonzero().flatten()
    return (None, before) if len(moved) > len(before) // 2 else (moved.int(), before.index_select(0, moved))


class PastMatrices:
    """Whole matrices come in, and rows of a few items go out. Rows that were asked for stay at hand, of `n_at_hand` items at most."""

    def __init__(self, n_at_hand: int) -> None:
        self.n_at_hand = n_at_hand
        self.forget()

    def forget(self) -> None:
        """Forget everything."""
        self.rounds: list[int] = []  # R, ascending
        self.newest = torch.empty(0)  # [M, d], of the last round
        self.replaced: dict[int, tuple[Tensor | None, Tensor]] = {}  # any other round -> the rows that the next one replaced
        self.path = torch.empty(0)  # [M], how far each item has moved in all, from one matrix to the next
        self.milestones: dict[int, Tensor] = {}  # round -> the path up to it
        self.at_hand = torch.empty(0, dtype=torch.int32)  # [A] items, ascending
        self.rows_at_hand: dict[int, Tensor] = {}  # round -> their rows [A, d]

    def remember(self, round: int, items: Tensor) -> None:
        """Keep the matrix [M, d] of a later round, which nobody changes in place."""
        if self.rounds:
            self.path = self.path + lengths_of_changes(self.newest, items)
            self.replaced[self.rounds[-1]] = replaced_rows(self.newest, items)
        else:
            self.path, self.at_hand = items.new_zeros(len(items)), self.at_hand.to(items.device)
        if len(self.rounds) % MILESTONE == 0:
            self.milestones[round] = self.path
        self.rounds.append(round)
        self.newest = items
        self.rows_at_hand[round] = items.index_select(0, self.at_hand)
        if len(self.rounds) == 2 * MILESTONE:  # to look up all of them later, in one round, would take long
            self.rows([round], self.path.topk(min(self.n_at_hand // 2, len(items))).indices.sort().values.int())

    def forget_before(self, first: int) -> None:
        """Forget the matrices of rounds before `first`, which is remembered."""
        n_forgotten = self.rounds.index(first)
        for round in self.rounds[:n_forgotten]:
            del self.replaced[round], self.rows_at_hand[round]
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
                self.rows_at_hand[round] = torch.cat([self.rows_at_hand[round], found]).index_select(0, order)
        places = torch.searchsorted(self.at_hand, items)
        return torch.stack([self.rows_at_hand[round].index_select(0, places) for round in rounds])

    def _look_up(self, rounds: Sequence[int], items: Tensor) -> list[Tensor]:
        """Return the rows [K, d] of items in the matrix of each round: from the newest matrix back to the oldest one."""
        current, found, wanted = self.newest.index_select(0, items), [], set(rounds)
        for round in reversed(self.rounds):
            replaced, rows = self.replaced.get(round, (None, self.newest))
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
        kept = {"rounds": list(self.rounds), "newest": self.newest, "replaced": dict(self.replaced)}
        return {**kept, "path": self.path, "milestones": dict(self.milestones)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.forget()
        self.rounds, self.newest, self.replaced = list(state["rounds"]), state["newest"], dict(state["replaced"])
        self.path, self.milestones = state["path"], dict(state["milestones"])
        self.at_hand = self.at_hand.to(self.path.device)
        self.rows_at_hand = {round: self.newest.new_empty(0, *self.newest.shape[1:]) for round in self.rounds}
