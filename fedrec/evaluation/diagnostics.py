"""Metrics on request that say why an attack works: mining quality, PKL and UCR (Table II), expected and observed poison (Eq. 11)."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from fedrec.evaluation.popular_items import covered_users, expected_poison_share, mining_quality, pairwise_kl
from fedrec.interfaces import GlobalModel, Interactions, RoundResult


class TrainedState(Protocol):
    """What an evaluation reads of a federation between two rounds."""

    n_malicious: int
    negatives_per_positive: int
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
    recent: deque[Tensor] = field(init=False, default_factory=lambda: deque(maxlen=2))  # Delta-Norm of the last rounds
    poison_shares: list[float] = field(init=False, default_factory=list)  # of the rounds since the last evaluation
    popularity_ranks: Tensor = field(init=False)  # [M]

    def __post_init__(self) -> None:
        self.popularity_ranks = self.train.popularity_ranks()

    def observe(self, result: RoundResult) -> None:
        """Remember what the next evaluation needs of a round."""
        self.recent.append(result.delta_norm)
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

    def _poison_share(self) -> dict[str, float]:
        """Return the share of malicious uploads among those for a target: the mean over targets, and over rounds with poison."""
        state = self.state
        share = [expected_poison_share(one, self.train, state.negatives_per_positive, state.n_malicious) for one in self.targets]
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
        changed = torch.argsort(torch.stack(tuple(self.recent)).sum(0), descending=True).cpu()  # Eq. (7)
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
