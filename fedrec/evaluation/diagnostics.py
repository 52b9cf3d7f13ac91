"""Metrics on request that say why an attack works: mining quality, PKL and UCR (Table II), expected and observed poison (Eq. 11)."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from fedrec.evaluation.popular_items import covered_users, expected_poison_share, mining_quality, pairwise_kl
from fedrec.federation.system import System
from fedrec.interfaces import Interactions, RoundResult


@dataclass
class Explanations:
    """`mining` at size N is about the N items that changed most in the last R~ = 2 rounds, `PKL` and `UCR` about the truly popular."""

    wanted: frozenset[str]
    mined_sizes: Sequence[int]
    train: Interactions
    system: System
    recent: deque[Tensor] = field(init=False, default_factory=lambda: deque(maxlen=2))  # Delta-Norm of the last rounds
    poison_shares: list[float] = field(init=False, default_factory=list)  # of the rounds since the last evaluation

    def __post_init__(self) -> None:
        self.popularity_ranks = self.train.popularity_ranks()

    def observe(self, result: RoundResult) -> None:
        self.recent.append(result.delta_norm)
        if "poison_share" in self.wanted and "poison_share" in result.telemetry:
            self.poison_shares.append(result.telemetry["poison_share"])

    def measure(self) -> dict[str, float]:
        metrics: dict[str, float] = {}
        if "poison_share" in self.wanted:
            metrics |= self._poison_share()
        if "mining" in self.wanted:
            metrics |= self._mined_by_clients() | self._mined_from_outside()
        if {"PKL", "UCR"} & self.wanted:
            metrics |= self._alike()
        return metrics

    def _poison_share(self) -> dict[str, float]:
        """Share of malicious uploads among those for the targets: mean over targets, and over the rounds with poison."""
        share = [
            expected_poison_share(target, self.train, self.system.negatives_per_positive, self.system.n_malicious)
            for target in self.system.targets
        ]
        metrics = {"poison_share_expected": sum(share) / len(share)}
        if self.poison_shares:
            metrics["poison_share_observed"] = sum(self.poison_shares) / len(self.poison_shares)
        self.poison_shares.clear()
        return metrics

    def _mined_by_clients(self) -> dict[str, float]:
        """Of what malicious clients (attack) and benign ones (defense) have really mined."""
        metrics: dict[str, float] = {}
        for owner, part in (("attack", self.system.attack), ("defense", self.system.defense.client)):
            miner = getattr(part, "miner", None)
            if miner is not None and bool(miner.has_mined.any()):
                top_n, popular = mining_quality(miner.mined[miner.has_mined], self.popularity_ranks)
                metrics |= {f"{owner}_mined_top_N": top_n, f"{owner}_mined_popular": popular}
        return metrics

    def _mined_from_outside(self) -> dict[str, float]:
        """Of the items that an observer of every round would mine."""
        if len(self.recent) < 2:
            return {}
        changed = torch.argsort(torch.stack(tuple(self.recent)).sum(0), descending=True).cpu()  # Eq. (7)
        metrics: dict[str, float] = {}
        for n in self.mined_sizes:
            metrics[f"mined_top_N@{n}"], metrics[f"mined_popular@{n}"] = mining_quality(changed[None, :n], self.popularity_ranks)
        return metrics

    def _alike(self) -> dict[str, float]:
        """Table II: how many users the N most popular items reach, and how alike the embeddings of both are."""
        global_model, users = self.system.global_model.items, self.system.users
        metrics: dict[str, float] = {}
        for n in self.mined_sizes:
            popular = (self.popularity_ranks <= n).nonzero().flatten()
            covered = covered_users(popular, self.train)
            if "UCR" in self.wanted:
                metrics[f"UCR@{n}"] = float(covered.double().mean())
            if "PKL" in self.wanted:
                metrics[f"PKL@{n}"] = pairwise_kl(global_model[popular.to(global_model.device)], users[covered.to(users.device)])
        return metrics
