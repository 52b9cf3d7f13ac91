"""Attacks that see the round's benign uploads, one item and one upload after another, as their papers write them."""

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import NormalDist

import torch
from torch import Tensor

from tests.reference.federation import Attacker, Parameters, Sent


def mean(rows: Sequence[Tensor]) -> Tensor:
    return sum(rows[1:], rows[0]) / len(rows)


def deviation(rows: Sequence[Tensor]) -> Tensor:
    """Return the standard deviation of the population in each coordinate."""
    centre = mean(rows)
    return (sum((row - centre) ** 2 for row in rows) / len(rows)).sqrt()


def diameter(rows: Sequence[Tensor]) -> float:
    return max(float((one - other).norm()) for one in rows for other in rows)


def halving_search(allowed: Callable[[float], bool], tolerance: float) -> float:
    """Return the largest number that is allowed as the authors of Min-Max search it, from 10 on."""
    number, step, largest = 10.0, 10.0, 0.0
    while abs(largest - number) > tolerance:
        step /= 2
        if allowed(number):
            largest, number = number, number + step
        else:
            number -= step
    return largest


def normal_quantile(n_benign: int, n_malicious: int) -> float:
    """Return z of ALIE, kept between 0 and the quantile that the largest of n benign uploads has."""
    n = n_benign + n_malicious
    wanted = math.floor(n / 2 + 1) - n_malicious
    share = (n - n_malicious - wanted) / (n - n_malicious)
    return NormalDist().inv_cdf(max(0.5, min(share, n_benign / (n_benign + 1))))


class Omniscient(Attacker):
    """All five attacks: `name` says which. `keys` draws a number for each sampled client and each item that it may send a row for."""

    def __init__(
        self,
        name: str,
        options: Mapping[str, object],
        targets: Sequence[int],
        keys: Callable[[int, int, int], Tensor],
        tolerance: float = 1e-12,
    ) -> None:
        self.name, self.options, self.targets, self.keys, self.tolerance = name, options, list(targets), keys, tolerance

    def start(self, round: int, clients: Sequence[int], items: Tensor, scorer: Parameters, rate: float) -> None:
        super().start(round, clients, items, scorer, rate)
        by_item: dict[int, list[Tensor]] = {}
        for ids, rows, _ in self.benign:
            for item, row in zip(ids.tolist(), rows, strict=True):
                by_item.setdefault(item, []).append(row)
        goal = self.goal(by_item, items) if self.targets else None
        poisoned = sorted(item for item in by_item if not self.targets or item in self.targets)
        self.sent = dict.fromkeys(clients, poisoned)
        if (kappa := self.options["kappa"]) is not None and kappa < len(poisoned):
            for client, keys in zip(clients, self.keys(round, len(clients), len(poisoned)), strict=True):
                self.sent[client] = [poisoned[place] for place in sorted(keys.topk(kappa).indices.tolist())]
        n_senders = {item: sum(item in chosen for chosen in self.sent.values()) for item in poisoned}
        self.rows = {item: self.row(by_item[item], n_senders[item], goal) for item in poisoned if n_senders[item]}
        senders = [gradients for _, _, gradients in self.benign if gradients] if not self.targets else []
        self.scorer = {}
        for name, value in scorer.items() if senders else ():
            uploads = [gradients[name].flatten() for gradients in senders]
            self.scorer[name] = self.row(uploads, len(clients), None).view_as(value)

    def train_on(self, client: int, items: Tensor, scorer: Parameters) -> Sent:
        chosen = self.sent[client]
        rows = torch.stack([self.rows[item] for item in chosen]) if chosen else items[:0]
        return torch.tensor(chosen, dtype=torch.int64), rows, self.scorer

    def goal(self, by_item: Mapping[int, Sequence[Tensor]], items: Tensor) -> Tensor:
        """Return the direction of the mean embedding of the most uploaded items that are no targets."""
        others = [item for item in sorted(by_item) if item not in self.targets]
        popular = sorted(others, key=lambda item: -len(by_item[item]))[: self.options["popular_items"]]
        total = sum((items[item] for item in popular), torch.zeros_like(items[0]))
        return total / max(float(total.norm()), 1e-12)

    def row(self, rows: Sequence[Tensor], n_malicious: int, goal: Tensor | None) -> Tensor:
        centre = mean(rows)
        if self.name in ("ipm", "sign_flip"):
            factor = self.options.get("epsilon", 1.0)
            turn = -1.0 if goal is None else -float(torch.sign(centre @ goal))
            return factor * turn * centre
        if self.name == "alie":
            z = normal_quantile(len(rows), n_malicious) if self.options["z"] is None else self.options["z"]
            return centre + z * deviation(rows) * (1 if goal is None else -torch.sign(goal))
        towards = centre if goal is None else goal
        if self.options["deviation"] == "std":
            direction = -deviation(rows) if goal is None else -deviation(rows) * torch.sign(goal)
        elif self.options["deviation"] == "unit":
            direction = -towards / towards.norm() if towards.any() else towards
        else:
            direction = -torch.sign(towards) * (towards.abs() > 1e3 * torch.finfo(towards.dtype).eps * towards.abs().max())
        measure = {"min_max": self.farthest, "min_sum": self.squares}[self.name]
        limit = max(measure(rows, row) for row in rows)
        return centre + halving_search(lambda step: measure(rows, centre + step * direction) <= limit, self.tolerance) * direction

    def farthest(self, rows: Sequence[Tensor], point: Tensor) -> float:
        return max(float((point - row).norm()) for row in rows)

    def squares(self, rows: Sequence[Tensor], point: Tensor) -> float:
        return sum(float((point - row).norm()) ** 2 for row in rows)
