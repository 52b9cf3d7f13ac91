"""FoolsGold and FLTrust, which weigh clients, and HiCS, which keeps uploads for later rounds, as their papers write them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from tests.reference.defenses import RobustSum, by_sender, clipped, heard, norm_bound, vector_of
from tests.reference.federation import Parameters, Sent
from tests.reference.rules import SAME


def cosine(one: Tensor, other: Tensor) -> float:
    lengths = float(one.norm() * other.norm())
    return float(one @ other) / lengths if lengths else 0.0


@dataclass
class FoolsGoldSum:
    """FoolsGold, Algorithm 1 of Fung et al., RAID 2020, with the whole history of every client."""

    kappa: float = 1.0
    history: dict[int, Tensor] = field(default_factory=dict)

    def __call__(
        self, items: Tensor, scorer: Parameters, uploads: Sequence[Sent], clients: Sequence[int]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        rows, parameters, _ = by_sender(uploads)
        vectors = [vector_of(sender, items, scorer, rows, parameters) for sender in heard(uploads)]
        clients = [clients[sender] for sender in heard(uploads)]
        for client, vector in zip(clients, vectors, strict=True):
            self.history[client] = self.history[client] + vector if client in self.history else vector
        self.weights = self.weigh([self.history[client] for client in clients])
        weighted = [weight * vector for weight, vector in zip(self.weights, vectors, strict=True)]
        return RobustSum.split(sum(weighted, torch.zeros_like(vectors[0])), items, scorer)

    def weigh(self, histories: Sequence[Tensor]) -> list[float]:
        n = len(histories)
        alike = [[cosine(histories[i], histories[j]) if i != j else 0.0 for j in range(n)] for i in range(n)]
        largest = [max(row) for row in alike]
        for i in range(n):
            for j in range(n):
                if largest[j] > largest[i]:
                    alike[i][j] *= largest[i] / largest[j]
        alpha = [min(1.0, max(0.0, 1 - max(row))) for row in alike]
        alpha = [0.0 if value < 1e-5 else value for value in alpha]
        if not any(alpha):
            return alpha
        weights = []
        for value in (value / max(alpha) for value in alpha):
            value = 0.99 if value == 1 else value
            weights.append(min(1.0, max(0.0, self.kappa * (math.log(value / (1 - value)) + 0.5))) if value else 0.0)
        return weights


def trusted_sum(rows: Sequence[Tensor], own: Tensor) -> tuple[Tensor, list[bool]]:
    """Return the result of Cao et al., NDSS 2021, times the number of rows, and which rows are trusted."""
    trust = [max(0.0, cosine(row, own)) for row in rows]
    result = torch.zeros_like(own)
    for score, row in zip(trust, rows, strict=True):
        if score:
            result = result + score * row * (own.norm() / row.norm())
    return (len(rows) / sum(trust) * result if sum(trust) else result), [score > 0 for score in trust]


@dataclass
class FLTrustSum:
    """FLTrust, which judges by what the root users send: means over those that hold an item, or over all of them."""

    scope: str
    fallback: str

    def __call__(self, items: Tensor, scorer: Parameters, uploads: Sequence[Sent], own: Sequence[Sent]) -> tuple[Tensor, dict[str, Tensor]]:
        self.fell_back: list[int] = []
        self.unguarded: list[int] = []  # items for which the rule applies, but tolerates no malicious upload
        self.inspected: list[tuple[int, bool]] = []
        rows, parameters, _ = by_sender(uploads)
        own_rows, own_parameters, _ = by_sender(own)
        if self.scope == "whole_update":
            return self.of_whole_updates(items, scorer, uploads, own)
        total, gradients = torch.zeros_like(items), {}
        for item, sent in rows.items():
            mine = list(own_rows.get(item, {}).values())
            mean = sum(mine) / len(mine) if mine else torch.zeros_like(items[item])
            if not mean.any():
                self.fell_back.append(item)
            total[item] = self.combined(sent, mean)
        for name, sent in parameters.items():
            mean = sum(own_parameters[name].values()) / len(own)
            gradients[name] = self.combined({sender: value.flatten() for sender, value in sent.items()}, mean.flatten())
            gradients[name] = gradients[name].view_as(scorer[name])
        return total, gradients

    def combined(self, sent: dict[int, Tensor], own: Tensor) -> Tensor:
        if not own.any():
            return sum(sent.values()) * (self.fallback == "sum")
        result, trusted = trusted_sum(list(sent.values()), own)
        self.inspected += zip(sent, trusted, strict=True)
        return result

    def of_whole_updates(
        self, items: Tensor, scorer: Parameters, uploads: Sequence[Sent], own: Sequence[Sent]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        vectors, of_server = (
            [vector_of(k, items, scorer, *by_sender(sent)[:2]) for k in senders]
            for sent, senders in ((uploads, heard(uploads)), (own, range(len(own))))
        )
        mean = sum(of_server) / len(of_server)
        if not mean.any():
            self.fell_back = list(by_sender(uploads)[0])
            return RobustSum.split(sum(vectors) * (self.fallback == "sum"), items, scorer)
        result, trusted = trusted_sum(vectors, mean)
        self.inspected = list(zip(heard(uploads), trusted, strict=True))
        return RobustSum.split(result, items, scorer)


@dataclass
class BankedSum:
    """HiCS, Yuan et al., SIGIR 2023."""

    C: float
    bank_C: float  # noqa: N815
    update_share: float
    bank: dict[int, Tensor] = field(default_factory=dict)

    def __call__(self, items: Tensor, scorer: Parameters, uploads: Sequence[Sent]) -> tuple[Tensor, dict[str, Tensor]]:
        total, gradients = torch.zeros_like(items), {name: torch.zeros_like(value) for name, value in scorer.items()}
        sound = []
        for pairs, rows, sent in uploads:
            finite = rows.isfinite().all(1)
            sound.append((pairs[finite], rows[finite], sent if all(value.isfinite().all() for value in sent.values()) else {}))
        for pairs, rows, sent in norm_bound(sound, self.C, "per_item"):
            for item, row in zip(pairs.tolist(), rows, strict=True):
                self.bank[item] = self.bank.get(item, torch.zeros_like(row)) + row
            for name, value in sent.items():
                gradients[name] = gradients[name] + value
        n_updated = max(1, math.floor(self.update_share * len(items) + 1e-9))
        lengths = sorted((float(entry.norm()) for entry in self.bank.values()), reverse=True)
        self.tied = len(lengths) > n_updated and lengths[n_updated - 1] - lengths[n_updated] <= SAME * lengths[n_updated]
        for item in sorted(self.bank, key=lambda item: (-float(self.bank[item].norm()), item))[:n_updated]:
            total[item] = clipped(self.bank.pop(item), self.bank_C)
        return total, gradients
