"""Which items a client holds for popular: those that changed most (Algorithm 1).

A client adds up the Delta-Norm (Eq. 7) of every item over the R~ differences between the first R~ + 1 item matrices that it receives. The
N items that changed most are its popular items. All clients of a round receive the same matrix. So the matrices of rounds that somebody
still needs are kept, and a client keeps R~ round numbers and later N items: memory does not grow with clients times items.

Hundreds of clients end their mining in one round, nearly each with rounds of its own. Their sums need few items: the sum of an item is
not larger than the length of its path through all rounds since, and not smaller than the straight distance. An item whose path is shorter
than the N-th largest distance is not among the N.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from fedrec.interfaces import ReplacedRows
from fedrec.mining.past_matrices import PastMatrices
from fedrec.ragged import positions_of_largest

NUMBERS_LOOKED_UP = 8_000_000  # of embeddings of all rounds
NUMBERS_COMPARED = 2**17  # of embeddings, so few that they stay in the cache of a core
AT_HAND = 40  # times N items, whose rows of all rounds are kept ready
ROUNDING = 1e-3  # far above the relative error of a length or of a path
UNDERFLOW = 1e-15  # far above lengths whose squares are too small for a float


def arbitrary_items(n_items: int, n_popular: int, excluded: Tensor | None = None) -> Tensor:
    """Return the N items that stand for the popular ones of a client that has not mined yet, [N] int32.

    They are those that the released code takes: what `torch.topk` picks out of zeros. All clients have the same ones.
    """
    changes = torch.zeros(n_items)
    if excluded is not None:
        changes[excluded.cpu()] = -torch.inf
    return changes.topk(n_popular).indices.int()


def _delta_norms(rows: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """Return Eq. (7) for pairs of rounds; rows [R, K, d] -> [pairs, K]."""
    lengths: Tensor = torch.linalg.vector_norm(rows.index_select(0, after) - rows.index_select(0, before), dim=2)
    return lengths


class PopularItemMiner:
    """Mines for n_clients clients at once; `excluded` items, such as an attacker's own targets, are never mined.

    Raises ValueError if n_popular is larger than the number of items that can be mined.
    """

    def __init__(self, n_clients: int, n_items: int, n_popular: int, mining_times: int, excluded: Tensor | None = None) -> None:
        self.n_allowed = n_items if excluded is None else n_items - len(excluded)
        if n_popular > self.n_allowed:
            raise ValueError(f"N = {n_popular}: at most {self.n_allowed} of the {n_items} items can be mined")
        self.mining_times = mining_times  # R~
        self.excluded = torch.empty(0, dtype=torch.int64) if excluded is None else excluded
        self.participations = torch.zeros(n_clients, dtype=torch.int64)  # counted up to R~ + 1
        self.history = torch.zeros(n_clients, mining_times, dtype=torch.int64)  # rounds of the first R~ participations
        self.mined = arbitrary_items(n_items, n_popular, excluded).repeat(n_clients, 1)  # the most popular first; arbitrary before
        self.past = PastMatrices(AT_HAND * n_popular)
        self.needed: dict[int, int] = {}  # round -> number of clients that still need its matrix

    def observe(self, round: int, clients: Tensor, items: Tensor) -> None:
        """Take note that distinct clients [C] receive the item matrix [M, d]."""
        clients, self.past.newest = clients.cpu(), items
        seen = self.participations[clients]
        finishing = clients[seen == self.mining_times]
        if len(finishing):
            self._mine(finishing, items)
        waiting = clients[seen < self.mining_times]
        if len(waiting):
            self.history[waiting, self.participations[waiting]] = round
            self.needed[round] = len(waiting)
            self.past.remember(round, items)
        if len(finishing):
            self._release(finishing)
        self.participations[clients] = (seen + 1).clamp(max=self.mining_times + 1)

    def follow(self, replaced: ReplacedRows) -> None:
        """Take note of how a round moved the items, after each round."""
        self.past.follow(replaced)

    @property
    def has_mined(self) -> Tensor:
        """Which clients are done, [n_clients] bool."""
        return self.participations > self.mining_times

    def ready(self, clients: Tensor) -> Tensor:
        """Return whether each of these clients has mined, [C] bool."""
        return self.participations[clients.cpu()] > self.mining_times

    def _mine(self, clients: Tensor, items: Tensor) -> None:
        histories, inverse = self.history[clients].unique(dim=0, return_inverse=True)  # clients with one history share the work
        path = self.past.path.index_fill(0, self.excluded.to(items.device), -torch.inf)  # [M]
        least = self._least_of_mined(histories[:, 0], path, items)  # [H]
        mined = torch.empty(len(histories), self.mined.shape[1], dtype=torch.int32)
        milestones = torch.tensor(list(self.past.milestones))
        which = torch.searchsorted(milestones, histories[:, 0].contiguous(), right=True) - 1  # [H], the milestone before each history
        for number in which.unique().tolist():
            own = (which == number).nonzero().flatten()
            longest = path * (1 + ROUNDING) - self.past.milestones[int(milestones[number])] + UNDERFLOW  # [M]
            is_candidate = (longest < least[own.to(items.device)].min()).logical_not_()  # also where a path is not a number
            is_candidate[self.excluded] = False
            mined[own] = self._most_changed(histories[own], is_candidate.nonzero().flatten().int(), items).cpu()
        self.mined[clients] = mined[inverse]

    def _least_of_mined(self, first_rounds: Tensor, path: Tensor, items: Tensor) -> Tensor:
        """Return a number that the sums of the N mined items reach, for each first round of a history, [H].

        The N-th largest distance of any items will do; those with the longest paths have large ones.
        """
        n_popular = self.mined.shape[1]
        some = path.topk(min(2 * n_popular, self.n_allowed)).indices.sort().values.int()
        rounds, which = first_rounds.unique(return_inverse=True)
        differences = items.index_select(0, some) - self.past.rows(rounds.tolist(), some)  # [rounds, 2 N, d]
        distances: Tensor = torch.linalg.vector_norm(differences, dim=2)
        return distances.topk(n_popular).values[:, -1].index_select(0, which.to(items.device)) * (1 - ROUNDING)

    def _most_changed(self, histories: Tensor, candidates: Tensor, items: Tensor) -> Tensor:
        """Return the N candidates [K], ascending, with the largest sums for each history [H, R~]; of equal ones the first, [H, N]."""
        rounds, places = histories.unique(return_inverse=True)
        places = torch.cat([places, torch.full((len(histories), 1), len(rounds))], 1)  # the last difference ends now
        codes = places[:, :-1] * (len(rounds) + 1) + places[:, 1:]  # [H, R~], a number for each pair of rounds
        pairs, which = codes.to(items.device).unique(return_inverse=True)  # every pair is compared once
        sums, mined = items.new_zeros(len(histories), 0), candidates.new_zeros(len(histories), 0)
        for block in candidates.split(max(1, NUMBERS_LOOKED_UP // (len(rounds) * items.shape[1]))):
            rows = torch.cat([self.past.rows(rounds.tolist(), block), items.index_select(0, block)[None]])  # [rounds + 1, block, d]
            batches = pairs.split(max(1, NUMBERS_COMPARED // rows[0].numel()))
            delta_norms = torch.cat([_delta_norms(rows, batch // len(rows), batch % len(rows)) for batch in batches])  # [pairs, block]
            of_block = items.new_zeros(len(histories), 1)  # [H, block]
            for step in which.unbind(1):  # in the order of participation
                of_block = of_block + delta_norms.index_select(0, step)
            sums, mined = torch.cat([sums, of_block], 1), torch.cat([mined, block.expand(len(histories), -1)], 1)
            largest = positions_of_largest(sums, min(self.mined.shape[1], sums.shape[1]))
            sums, mined = sums.gather(1, largest), mined.gather(1, largest)
        return mined

    def _release(self, clients: Tensor) -> None:
        """Forget matrices that nobody needs any more, once these clients have mined."""
        rounds, counts = self.history[clients].unique(return_counts=True)
        for round, count in zip(rounds.tolist(), counts.tolist(), strict=True):
            self.needed[round] -= count
            if not self.needed[round]:
                del self.needed[round]
        if self.needed:
            self.past.forget_before(min(self.needed))
        else:
            self.past.forget()

    def state_dict(self) -> dict[str, Any]:
        state = {name: getattr(self, name).clone() for name in ("participations", "history", "mined")}
        return {**state, "needed": dict(self.needed), "past": self.past.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        for name in ("participations", "history", "mined"):
            getattr(self, name).copy_(state[name])
        self.needed = dict(state["needed"])
        self.past.load_state_dict(state["past"])
