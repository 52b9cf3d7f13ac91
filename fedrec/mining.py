"""Popular item mining (Algorithm 1), for malicious clients and for the client-side defense.

A client adds up the Delta-Norm (Eq. 7) of every item over the R~ differences between the first R~ + 1 item matrices that it receives. The
N items that changed most are its popular items. All clients of a round receive the same matrix. So one snapshot is kept per round that
somebody still needs, and a client keeps R~ round numbers and later N items: memory does not grow with clients times items.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

NOW = -1  # stands for the round that is being observed
BLOCK_NUMBERS = 2_000_000  # accumulated Delta-Norms held at once


def arbitrary_items(n_items: int, n_popular: int, excluded: Tensor | None = None) -> Tensor:
    """Return the N items that stand for the popular ones of a client that has not mined yet, [N] int32.

    They are those that the released code takes: what `torch.topk` picks out of zeros. All clients have the same ones.
    """
    changes = torch.zeros(n_items)
    if excluded is not None:
        changes[excluded.cpu()] = -torch.inf
    return changes.topk(n_popular).indices.int()


class PopularItemMiner:
    """Mines for n_clients clients at once; `excluded` items, such as an attacker's own targets, are never mined.

    Raises ValueError if n_popular is larger than the number of items that can be mined.
    """

    def __init__(self, n_clients: int, n_items: int, n_popular: int, mining_times: int, excluded: Tensor | None = None) -> None:
        allowed = n_items if excluded is None else n_items - len(excluded)
        if n_popular > allowed:
            raise ValueError(f"N = {n_popular}: at most {allowed} of the {n_items} items can be mined")
        self.mining_times = mining_times  # R~
        self.excluded = excluded
        self.participations = torch.zeros(n_clients, dtype=torch.int64)  # counted up to R~ + 1
        self.history = torch.zeros(n_clients, mining_times, dtype=torch.int64)  # rounds of the first R~ participations
        self.mined = arbitrary_items(n_items, n_popular, excluded).repeat(n_clients, 1)  # the most popular first; arbitrary before
        self.snapshots: dict[int, Tensor] = {}  # round -> [M, d]
        self.needed: dict[int, int] = {}  # round -> number of clients that still need its snapshot

    def observe(self, round: int, clients: Tensor, items: Tensor) -> None:
        """Take note that distinct clients [C] receive the item matrix [M, d], which nobody changes in place."""
        clients = clients.cpu()
        seen = self.participations[clients]
        waiting = clients[seen < self.mining_times]
        if len(waiting):
            self.history[waiting, self.participations[waiting]] = round
            self.snapshots[round], self.needed[round] = items, len(waiting)
        finishing = clients[seen == self.mining_times]
        if len(finishing):
            self._mine(finishing, items)
        self.participations[clients] = (seen + 1).clamp(max=self.mining_times + 1)

    @property
    def has_mined(self) -> Tensor:
        """Which clients are done, [n_clients] bool."""
        return self.participations > self.mining_times

    def ready(self, clients: Tensor) -> Tensor:
        """Return whether each of these clients has mined, [C] bool."""
        return self.participations[clients.cpu()] > self.mining_times

    def _mine(self, clients: Tensor, items: Tensor) -> None:
        histories, inverse = self.history[clients].unique(dim=0, return_inverse=True)  # clients with one history share the work
        last = torch.full((len(histories), 1), NOW)
        steps = torch.cat([histories, last], 1).unfold(1, 2, 1)  # [H, R~, 2], pairs of rounds
        pairs, which = steps.reshape(-1, 2).unique(dim=0, return_inverse=True)  # every pair of rounds is compared once
        matrices = {**self.snapshots, NOW: items}
        delta_norms = [torch.linalg.vector_norm(matrices[after] - matrices[before], dim=1) for before, after in pairs.tolist()]  # Eq. (7)
        table = torch.stack(delta_norms)  # [pairs, M]
        which = which.view(len(histories), -1).to(items.device)  # [H, R~]
        mined = torch.empty(len(histories), self.mined.shape[1], dtype=torch.int32)
        for part in torch.arange(len(histories)).split(max(1, BLOCK_NUMBERS // len(items))):
            accumulated = torch.stack([table[step] for step in which[part].unbind(1)]).sum(0)  # [block, M]
            if self.excluded is not None:
                accumulated[:, self.excluded] = -torch.inf
            order = torch.sort(accumulated, dim=1, descending=True, stable=True).indices  # of equal items the first comes first
            mined[part] = order[:, : self.mined.shape[1]].int().cpu()
        self.mined[clients] = mined[inverse]
        rounds, counts = self.history[clients].unique(return_counts=True)
        for round, count in zip(rounds.tolist(), counts.tolist(), strict=True):
            self.needed[round] -= count
            if not self.needed[round]:
                del self.needed[round], self.snapshots[round]

    def state_dict(self) -> dict[str, Any]:
        state = {name: getattr(self, name).clone() for name in ("participations", "history", "mined")}
        return {**state, "snapshots": dict(self.snapshots), "needed": dict(self.needed)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        for name in ("participations", "history", "mined"):
            getattr(self, name).copy_(state[name])
        self.snapshots, self.needed = dict(state["snapshots"]), dict(state["needed"])
