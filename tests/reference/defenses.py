"""Servers that combine or bound the uploads of a round, item by item and upload by upload; see `tests.reference.federation`."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tests.reference.federation import Parameters, Sent
from tests.reference.rules import RULES, fewest


def clipped(value: Tensor, longest: float) -> Tensor:
    return value * min(1.0, longest / float(value.norm())) if value.any() else value


def norm_bound(uploads: Sequence[Sent], C: float, scope: str) -> list[Sent]:
    """Sun et al., 2019: clip every row, the weights of every unit and every bias vector to length C; or each client's whole upload."""
    bounded = []
    for pairs, rows, scorer in uploads:
        if scope == "whole_update":
            of_items = [rows[pairs == item].sum(0) for item in pairs.unique()]
            everything = torch.cat([rows.new_zeros(0), *of_items, *(value.flatten() for value in scorer.values())])
            factor = min(1.0, C / float(everything.norm())) if everything.norm() > 0 else 1.0
            bounded.append((pairs, rows * factor, {name: value * factor for name, value in scorer.items()}))
            continue
        if len(pairs.unique()) < len(pairs):  # several rows for an item are their sum
            rows, pairs = torch.stack([rows[pairs == item].sum(0) for item in pairs.unique()]), pairs.unique()
        parameters = {}
        for name, value in scorer.items():  # a column of a matrix [in, out] is what leads to one unit
            parameters[name] = torch.stack([clipped(unit, C) for unit in value.T]).T if value.dim() == 2 else clipped(value, C)
        bounded.append((pairs, torch.stack([clipped(row, C) for row in rows]) if len(rows) else rows, parameters))
    return bounded


def by_sender(uploads: Sequence[Sent]) -> tuple[dict[int, dict[int, Tensor]], dict[str, dict[int, Tensor]], int]:
    """Return rows by item and sender, parameters by name and sender, and how many of both were dropped because they are not finite.

    Several rows of a client for an item are added up.
    """
    rows: dict[int, dict[int, Tensor]] = {}
    parameters: dict[str, dict[int, Tensor]] = {}
    n_dropped = 0
    for sender, (pairs, gradients, scorer) in enumerate(uploads):
        for item, row in zip(pairs.tolist(), gradients, strict=True):
            if not row.isfinite().all():
                n_dropped += 1
                continue
            sent = rows.setdefault(item, {})
            sent[sender] = sent[sender] + row if sender in sent else row
        if all(value.isfinite().all() for value in scorer.values()):
            for name, value in scorer.items():
                parameters.setdefault(name, {})[sender] = value
        else:
            n_dropped += 1
    return rows, parameters, n_dropped


def heard(uploads: Sequence[Sent]) -> list[int]:
    """Return who sent anything that was not dropped; everybody if nobody did."""
    rows, parameters, _ = by_sender(uploads)
    senders = {sender for sent in (*rows.values(), *parameters.values()) for sender in sent}
    return sorted(senders) or list(range(len(uploads)))


@dataclass
class RobustSum:
    """A server that combines the uploads of a round by a rule instead of adding them up."""

    rule: str
    malicious_share: float = 0.0
    fallback: str = "sum"
    score: str = "paper"
    scope: str = "per_item"
    scorer_share: str = "clients"

    def __post_init__(self) -> None:
        self.fell_back: list[int] = []
        self.unguarded: list[int] = []  # items for which the rule applies, but tolerates no malicious upload
        self.inspected: list[tuple[int, bool]] = []  # sender and whether its upload was accepted
        self.tied = False
        self.doubtful: list[int | str] = []  # items and parameters whose result depends on rounding

    def __call__(self, items: Tensor, scorer: Parameters, uploads: Sequence[Sent]) -> tuple[Tensor, dict[str, Tensor]]:
        self.__post_init__()
        rows, parameters, self.n_dropped = by_sender(uploads)
        self.clients, self.items = heard(uploads), list(rows)
        self.counts = Counter(item for pairs, *_ in uploads for item in pairs.tolist())
        if self.scope == "whole_update":
            return self.of_whole_updates(items, scorer, rows, parameters)
        total = torch.zeros_like(items)
        for item, sent in rows.items():
            total[item] = self.combined(sent, item)
        gradients = {}
        for name, sent in parameters.items():
            flat = {sender: value.flatten() for sender, value in sent.items()}
            gradients[name] = self.combined(flat, name).view_as(scorer[name])
        return total, gradients

    def combined(self, sent: dict[int, Tensor], key: int | str) -> Tensor:
        """Return what the uploads for an item or a parameter become.

        Of those for a parameter the share may be expected of all clients of the round, but never that all of them are malicious.
        """
        senders, rows = list(sent), torch.stack(list(sent.values()))
        n_expected = len(self.clients) if isinstance(key, str) and self.scorer_share == "clients" else len(rows)
        f = min(math.floor(self.malicious_share * n_expected + 1e-9), len(rows) - 1)
        if len(rows) < fewest(self.rule, f, self.score):
            if isinstance(key, int):
                self.fell_back.append(key)
            return rows.sum(0) * (self.fallback == "sum")
        tolerated = (len(rows) - 1) // 2 if self.rule == "median" else f
        if isinstance(key, int) and not tolerated:
            self.unguarded.append(key)
        decision = RULES[self.rule](rows, f, self.score)
        self.tied |= decision.tied
        if decision.doubtful:
            self.doubtful.append(key)
        if self.rule in ("krum", "multi_krum", "bulyan"):
            self.inspected += [(sender, number in decision.used) for number, sender in enumerate(senders)]
        return decision.result

    def of_whole_updates(
        self, items: Tensor, scorer: Parameters, rows: dict[int, dict[int, Tensor]], parameters: dict[str, dict[int, Tensor]]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        n, vectors = len(self.clients), []
        for client in self.clients:
            parts = [torch.zeros_like(items)] + [torch.zeros_like(value) for value in scorer.values()]
            for item, sent in rows.items():
                if client in sent:
                    parts[0][item] = sent[client]
            for part, name in zip(parts[1:], scorer, strict=True):
                if client in parameters.get(name, {}):
                    part += parameters[name][client]
            vectors.append(torch.cat([part.flatten() for part in parts]))
        f = math.floor(self.malicious_share * n + 1e-9)
        if n < fewest(self.rule, f, self.score):
            self.fell_back = list(rows)
            return self.split(torch.stack(vectors).sum(0) * (self.fallback == "sum"), items, scorer)
        decision = RULES[self.rule](torch.stack(vectors), f, self.score)
        used = [self.clients[number] for number in decision.used]
        self.tied, self.doubtful = decision.tied, [*rows, *parameters] if decision.doubtful else []
        self.inspected = [(client, client in used) for client in self.clients]
        if self.rule != "bulyan":
            return self.split(decision.result, items, scorer)
        trimming = RobustSum("trimmed_mean", 2 * self.malicious_share, scorer_share=self.scorer_share)
        trimming.clients = self.clients
        accepted = [{sender: value for sender, value in sent.items() if sender in used} for sent in rows.values()]
        total = torch.zeros_like(items)
        for item, sent in zip(rows, accepted, strict=True):
            if sent:
                total[item] = trimming.combined(sent, item)
        gradients = {}
        for name, value in scorer.items():
            flat = {sender: one.flatten() for sender, one in parameters.get(name, {}).items() if sender in used}
            gradients[name] = trimming.combined(flat, name).view_as(value) if flat else torch.zeros_like(value)
        return total, gradients

    @staticmethod
    def split(vector: Tensor, items: Tensor, scorer: Parameters) -> tuple[Tensor, dict[str, Tensor]]:
        sizes = [items.numel()] + [value.numel() for value in scorer.values()]
        total, *others = vector.split(sizes)
        return total.view_as(items), {name: part.view_as(value) for part, (name, value) in zip(others, scorer.items(), strict=True)}


def vector_of(client: int, items: Tensor, scorer: Parameters, rows: dict[int, dict[int, Tensor]], parameters: dict) -> Tensor:
    """Return all that a client sent as one vector, 0 where it sent nothing."""
    total, others = torch.zeros_like(items), {name: torch.zeros_like(value) for name, value in scorer.items()}
    for item, sent in rows.items():
        if client in sent:
            total[item] = sent[client]
    for name, sent in parameters.items():
        if client in sent:
            others[name] = sent[client]
    return torch.cat([total.flatten(), *(others[name].flatten() for name in scorer)])
