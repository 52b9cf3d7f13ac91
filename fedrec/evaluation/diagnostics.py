"""Metrics on request that say why an attack works: mining quality, PKL and UCR (Table II), expected and observed poison (Eq. 11)."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from fedrec.data.federated_data import Negatives
from fedrec.evaluation.popular_share import POPULAR_SHARE
from fedrec.interfaces import GlobalModel, Interactions, ItemChanges, RoundResult


class TrainedState(Protocol):
    """What an evaluation reads of a federation between two rounds."""

    n_malicious: int
    negatives_per_positive: int
    negatives: Negatives
    users: Tensor  # [U, d]
    global_model: GlobalModel

    def mined_items(self) -> Mapping[str, Tensor]:
        """Return the items that the clients of a part, `attack` or `defense`, have mined so far, [clients, N]."""


@dataclass
class Diagnostics:
    """`mining` is about the N items that changed most in the last R~ = 2 rounds, `PKL` and `UCR` about the N most popular ones."""

    wanted: frozenset[str]
    sizes: Sequence[int]  # every N
    train: Interactions
    targets: Sequence[int]
    state: TrainedState
    recent: deque[ItemChanges] = field(init=False, default_factory=lambda: deque(maxlen=2))  # of the last rounds
    poison_shares: list[float] = field(init=False, default_factory=list)  # of the rounds since the last evaluation
    popularity_ranks: Tensor = field(init=False)  # [M]

    def __post_init__(self) -> None:
        self.popularity_ranks = self.train.popularity_ranks()

    def observe(self, result: RoundResult) -> None:
        """Remember what the next evaluation needs of a round."""
        self.recent.append(result.changes)
        if "poison_share" in self.wanted and "poison_share" in result.telemetry:
            self.poison_shares.append(result.telemetry["poison_share"])

    def measure(self) -> dict[str, float]:
        """Return the metrics that are wanted."""
        metrics: dict[str, float] = {}
        if "poison_share" in self.wanted:
            metrics |= self._poison_share()
        if "mining" in self.wanted:
            metrics |= self._mined_by_clients() | self._mined_by_observer()
        if {"PKL", "UCR"} & self.wanted:
            metrics |= self._popular_items_and_users()
        return metrics

    def state_dict(self) -> dict[str, Any]:
        """Return what the next evaluation needs of the rounds before it."""
        return {"recent": [(changes.lengths, changes.touched) for changes in self.recent], "poison_shares": list(self.poison_shares)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        self.recent.clear()
        self.recent.extend(ItemChanges(lengths, touched, self.train.n_items) for lengths, touched in state["recent"])
        self.poison_shares = list(state["poison_shares"])

    def _poison_share(self) -> dict[str, float]:
        """Return the share of malicious uploads among those for a target: the mean over targets, and over rounds with poison."""
        state = self.state
        drawing = state.negatives_per_positive, state.negatives
        share = [expected_poison_share(one, self.train, *drawing, state.n_malicious) for one in self.targets]
        metrics = {"poison_share_expected": sum(share) / len(share)}
        if self.poison_shares:
            metrics["poison_share_observed"] = sum(self.poison_shares) / len(self.poison_shares)
        self.poison_shares.clear()
        return metrics

    def _mined_by_clients(self) -> dict[str, float]:
        """Return the quality of what malicious clients (attack) and benign ones (defense) have mined."""
        metrics: dict[str, float] = {}
        for part, mined in self.state.mined_items().items():
            metrics[f"{part}_mined_top_N"], metrics[f"{part}_mined_popular"] = mining_quality(mined, self.popularity_ranks)
        return metrics

    def _mined_by_observer(self) -> dict[str, float]:
        """Return the quality of what an observer of the last two rounds would mine."""
        if len(self.recent) < 2:
            return {}
        accumulated = torch.stack([changes.delta_norm() for changes in self.recent]).sum(0)  # [M], Eq. (7)
        changed = torch.argsort(accumulated, descending=True).cpu()
        metrics: dict[str, float] = {}
        for n in self.sizes:
            metrics[f"mined_top_N@{n}"], metrics[f"mined_popular@{n}"] = mining_quality(changed[None, :n], self.popularity_ranks)
        return metrics

    def _popular_items_and_users(self) -> dict[str, float]:
        """Return how many users the N most popular items reach, and how alike the embeddings of both are (Table II)."""
        items, users = self.state.global_model.items, self.state.users
        metrics: dict[str, float] = {}
        for n in self.sizes:
            popular = (self.popularity_ranks <= n).nonzero().flatten()
            covered = covered_users(popular, self.train)
            if "UCR" in self.wanted:
                metrics[f"UCR@{n}"] = float(covered.double().mean())
            if "PKL" in self.wanted:
                metrics[f"PKL@{n}"] = pairwise_kl(items[popular.to(items.device)], users[covered.to(users.device)])
        return metrics


def mining_quality(mined: Tensor, popularity_ranks: Tensor) -> tuple[float, float]:
    """Return the share of mined items [A, N] that are truly among the top N, and among the top 15 %.

    >>> mining_quality(torch.tensor([[0, 3]]), torch.arange(1, 21))
    (0.5, 0.5)
    """
    ranks = popularity_ranks[mined.long()]
    top_n, popular = ranks <= mined.shape[1], ranks <= POPULAR_SHARE * len(popularity_ranks)
    return float(top_n.double().mean()), float(popular.double().mean())


def covered_users(items: Tensor, train: Interactions) -> Tensor:
    """Return which users interacted with at least one of the items, [U] bool; the mean is UCR (Table II)."""
    wanted = torch.zeros(train.n_items, dtype=torch.bool)
    wanted[items.long()] = True
    covered = torch.zeros(train.n_users, dtype=torch.bool)
    covered[train.users[wanted[train.items.long()]]] = True
    return covered


def pairwise_kl(items: Tensor, users: Tensor) -> float:
    """Return PKL, the mean of KL(softmax(v_k) || softmax(u_i)) over all pairs (Eq. 9); [N, d], [B, d].

    >>> pairwise_kl(torch.ones(2, 3), torch.zeros(4, 3))
    0.0
    """
    log_items, log_users = log_softmax(items.double(), 1), log_softmax(users.double(), 1)
    entropy = (log_items.exp() * log_items).sum(1).mean()
    return float(entropy - (log_items.exp().mean(0) * log_users.mean(0)).sum())


def expected_poison_share(target: int, train: Interactions, negatives_per_positive: int, negatives: Negatives, n_malicious: int) -> float:
    """Return E~(v_j), the share of malicious uploads that the server should expect for a target item (Eqs. 11 to 13).

    Eq. (13) draws distinct negatives; where they repeat, a user has the item with the probability that one draw or more hits it.
    """
    distinct = torch.bincount(torch.unique(train.users * train.n_items + train.items) // train.n_items, minlength=train.n_users)
    left = (train.n_items - distinct).clamp(min=1)  # [U]
    interacted = torch.zeros(train.n_users, dtype=torch.bool)
    interacted[train.users[train.items == target]] = True
    n_draws = negatives_per_positive * train.offsets.diff()
    drawn = (n_draws / left).clamp(max=1).double() if negatives == "distinct" else 1 - (1 - 1 / left.double()) ** n_draws  # Eq. (13)
    p_j = float(torch.where(interacted, 1.0, drawn).mean())  # Eq. (12)
    share = n_malicious / (n_malicious + train.n_users)
    return share / ((1 - share) * p_j + share) if share else 0.0
