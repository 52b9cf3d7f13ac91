"""Attacks that degrade a recommender for everybody, one malicious client after another, as their papers write them."""

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from tests.reference.federation import Attacker, BenignClient, Parameters, Sent, bce, bpr, leaves, psi

LOSSES = {"bce": bce, "bpr": bpr}


class Spattack(Attacker):
    """rows [M, d] are those of Spattack-L; keys(round, n) returns exponential draws [n, M]; popularity [M] is None if nobody tells it."""

    def __init__(
        self, options: Mapping[str, object], rows: Tensor, keys: Callable[[int, int], Tensor], popularity: Sequence[int] | None
    ) -> None:
        self.options, self.rows, self.keys, self.popularity = options, rows, keys, popularity
        self.chosen: dict[int, list[int]] = {}

    def start(self, round: int, clients: Sequence[int], items: Tensor, scorer: Parameters, rate: float) -> None:
        new = [client for client in clients if client not in self.chosen]
        counts = [sum(item in ids.tolist() for ids, _, _ in self.benign) for item in range(len(items))]
        weights = {"masked": [1] * len(items), "popularity": self.popularity, "uploads": counts}[self.options["prior"]]
        if self.options["kappa"] is None:
            self.chosen = {client: list(range(len(items))) for client in clients}
        elif new:
            for client, keys in zip(new, self.keys(round, len(new)), strict=True):
                keys = [float(key) / max(weight, 1e-9) for key, weight in zip(keys, weights, strict=True)]
                self.chosen[client] = sorted(range(len(items)), key=lambda item: keys[item])[: self.options["kappa"]]
        self.uploads = {client: self.upload(self.chosen[client], clients) for client in clients}
        self.scorer = {}
        senders = [gradients for _, _, gradients in self.benign if gradients] if self.options["prior"] == "uploads" else []
        for name in scorer if senders else ():
            self.scorer[name] = -sum(gradients[name] for gradients in senders) / len(clients) if clients else None

    def upload(self, chosen: list[int], clients: Sequence[int]) -> tuple[Tensor, Tensor]:
        if self.options["prior"] != "uploads":
            return torch.tensor(chosen), self.rows[chosen]
        sent = []
        for item in chosen:
            total = torch.zeros_like(self.rows[0])
            for ids, rows, _ in self.benign:
                for number, row in zip(ids.tolist(), rows, strict=True):
                    total = total + row if number == item else total
            sent.append(-total / sum(item in self.chosen[client] for client in clients))
        return torch.tensor(chosen), torch.stack(sent)

    def train_on(self, client: int, items: Tensor, scorer: Parameters) -> Sent:
        return *self.uploads[client], self.scorer


class Honest(Attacker):
    """Malicious clients with embeddings [n_clients, d] and profiles, positives first, which they train as honest users would."""

    trained = BenignClient  # what an honest user is

    def __init__(self, options: Mapping[str, object], users: Tensor, profiles: Sequence[list[int]], loss: str) -> None:
        self.options, self.users, self.profiles, self.loss = options, list(users), profiles, loss

    def honest_step(self, client: int, items: Tensor, scorer: Parameters) -> Sent:
        profile = self.profiles[client]
        honest = self.trained(self.users[client].to(items.dtype), torch.tensor(profile), len(profile) // 2, self.loss, self.rate)
        sent, _ = honest.train_on(items, scorer)
        self.users[client] = honest.user
        return sent


def lloyd(points: Sequence[Tensor], centres: Sequence[Tensor]) -> tuple[list[Tensor], list[int]]:
    """Return centres and the number of each point's centre, from given centres on."""
    while True:
        labels = [min(range(len(centres)), key=lambda number: float((point - centres[number]).square().sum())) for point in points]
        moved = []
        for number, centre in enumerate(centres):
            own = [point for point, label in zip(points, labels, strict=True) if label == number]
            moved.append(sum(own[1:], own[0]) / len(own) if own else centre)
        shift = math.sqrt(sum(float((one - other).square().sum()) for one, other in zip(moved, centres, strict=True)))
        centres = moved
        if shift < 1e-4:
            return list(centres), labels


def silhouette(points: Sequence[Tensor], labels: Sequence[int]) -> float:
    """Return the mean silhouette of all points, 0 of a point alone; -1 without a second cluster."""
    if len(set(labels)) == 1:
        return -1.0
    values = []
    for number, (point, label) in enumerate(zip(points, labels, strict=True)):
        means = {}
        for cluster in set(labels):
            others = [other for place, other in enumerate(points) if labels[place] == cluster and place != number]
            means[cluster] = sum(float((point - other).norm()) for other in others) / len(others) if others else None
        within, apart = means.pop(label), min(means.values())
        largest = max(within or 0.0, apart)
        values.append((apart - within) / largest if within is not None and largest else 0.0)
    return sum(values) / len(values)


class ClusterAttack(Honest):
    """start_items(round, C) returns where K-means starts, lengths(round, A) uniform draws [A, M]."""

    def __init__(
        self,
        options: Mapping[str, object],
        users: Tensor,
        profiles: Sequence[list[int]],
        loss: str,
        start_items: Callable[[int, int], list[int]],
        lengths: Callable[[int, int], Tensor],
    ) -> None:
        super().__init__(options, users, profiles, loss)
        self.start_items, self.draw_lengths, self.clusters = start_items, lengths, options["clusters"]
        self.losses: list[float] = []
        self.risen = self.fallen = 0

    def start(self, round: int, clients: Sequence[int], items: Tensor, scorer: Parameters, rate: float) -> None:
        super().start(round, clients, items, scorer, rate)
        if not clients:
            return
        self.honest = {client: self.honest_step(client, items, scorer) for client in clients}
        lengths = [float(row.norm()) for _, rows, _ in self.honest.values() for row in rows]
        if self.options["zero_rows"] == "counted":
            lengths += [0.0] * (len(clients) * len(items) - len(lengths))
        mean = sum(lengths) / len(lengths)
        deviation = math.sqrt(sum((length - mean) ** 2 for length in lengths) / (len(lengths) - 1))
        leaf = items.clone().requires_grad_()
        centres, labels = lloyd(list(items), [items[item] for item in self.start_items(round, self.clusters)])
        loss = sum((row - centres[label]).square().sum() for row, label in zip(leaf, labels, strict=True)) / self.clusters
        loss.backward()
        self.rows = {}
        for client, draws in zip(clients, self.draw_lengths(round, len(clients)), strict=True):
            wanted = [mean + float(draw) * self.options["spread"] * deviation for draw in draws]
            self.rows[client] = [row / row.norm() * length if row.any() else row for row, length in zip(leaf.grad, wanted, strict=True)]
        self.adapt(float(loss.detach()))

    def adapt(self, loss: float) -> None:
        """Change the number of clusters once the debiased average of the losses has risen, or fallen, so much more often."""
        before, self.losses = self.average(), [*self.losses, loss]
        if before is not None:
            self.risen += self.average() > before
            self.fallen += self.average() <= before
        most, least = self.options["most_clusters"], 1
        if abs(self.risen - self.fallen) >= self.options["patience"]:
            if self.risen > self.fallen:
                self.clusters = min(round(self.clusters + math.sqrt(most - self.clusters)), most)
            else:
                self.clusters = max(round(self.clusters - math.sqrt(self.clusters - least)), least)
            self.losses, self.risen, self.fallen = [], 0, 0

    def average(self) -> float | None:
        decay, n = self.options["decay"], len(self.losses)
        weights = [(1 - decay) * decay ** (n - 1 - number) for number in range(n)]
        return sum(weight * loss for weight, loss in zip(weights, self.losses, strict=True)) / (1 - decay**n) if n else None

    def train_on(self, client: int, items: Tensor, scorer: Parameters) -> Sent:
        return torch.arange(len(items)), torch.stack(self.rows[client]), self.honest[client][2]


class FedAttack(Honest):
    def train_on(self, client: int, items: Tensor, scorer: Parameters) -> Sent:
        n, user = self.options["hardest"], self.users[client].to(items.dtype)
        scores = psi(user, items, scorer)
        best = sorted(range(len(items)), key=lambda item: (-float(scores[item]), item))[:n]
        least = sorted((item for item in range(len(items)) if item not in best), key=lambda item: (float(scores[item]), item))[:n]
        rows, own = items[least + best].clone().requires_grad_(), leaves(scorer)
        LOSSES[self.loss](psi(user, rows, own), n).backward()
        self.honest_step(client, items, scorer)
        return torch.tensor(least + best), rows.grad, {name: value.grad for name, value in own.items()}


class FRecAttack2(Honest):
    """noise(round, A) returns normal draws [A, n, d], order(round, n) the order in which colluders serve as first centres."""

    def __init__(
        self,
        options: Mapping[str, object],
        users: Tensor,
        profiles: Sequence[list[int]],
        loss: str,
        noise: Callable[[int, int], Tensor],
        order: Callable[[int, int], list[int]],
    ) -> None:
        super().__init__(options, users, profiles, loss)
        self.draw_noise, self.order = noise, order
        self.clients = [{"received": None, "latest": None, "times": 0, "by_score": False} for _ in users]

    def start(self, round: int, clients: Sequence[int], items: Tensor, scorer: Parameters, rate: float) -> None:
        super().start(round, clients, items, scorer, rate)
        noise = dict(zip(clients, self.draw_noise(round, len(clients)), strict=True)) if clients else {}
        users = [user.to(items.dtype) for user in self.users]
        around = self.clusters(users, round) if clients and self.options["collude"] else []
        self.uploads = {}
        for client in clients:
            if not self.options["collude"]:
                around = [(users[client], self.options["spread"])] * self.options["virtual_users"]
            virtual = [centre + deviation * draw for (centre, deviation), draw in zip(around, noise[client], strict=True)]
            self.uploads[client] = self.upload(client, virtual, items, scorer)
        for client in range(len(self.users)) if self.options["collude"] and clients else clients:
            for _ in range(1 if self.options["collude"] else self.options["own_steps"]):
                self.honest_step(client, items, scorer)

    def clusters(self, users: Sequence[Tensor], round: int) -> list[tuple[Tensor, float]]:
        """Return the centre and the deviation of each virtual user."""
        best, centres, labels = -math.inf, [sum(users[1:], users[0]) / len(users)], [0] * len(users)
        first = self.order(round, len(users))
        for k in range(2, min(11, len(users) - 1) + 1):
            found, belongs = lloyd(users, [users[number] for number in first[:k]])
            if (value := silhouette(users, belongs)) > best:
                best, centres, labels = value, found, belongs
        sizes = [(labels.count(number), centre) for number, centre in enumerate(centres) if number in labels]
        largest, n, before, around = max(size for size, _ in sizes), self.options["virtual_users"], 0, []
        for size, centre in sizes:
            share = (before + size) * n // len(users) - before * n // len(users)
            around += [(centre, self.options["spread"] * size / largest)] * share
            before += size
        return around

    def upload(self, client: int, users: Sequence[Tensor], items: Tensor, scorer: Parameters) -> Sent:
        state = self.clients[client]
        scores = sum(torch.sigmoid(psi(user, items, scorer)) for user in users)
        before = torch.zeros_like(items) if state["received"] is None else state["received"]
        rises = scores - sum(torch.sigmoid(psi(user, before, scorer)) for user in users)
        state["received"] = items
        liked, disliked = self.lists(state, scores if state["by_score"] else rises)
        rows, own = items[disliked + liked].clone().requires_grad_(), leaves(scorer)
        loss = sum(bce(psi(user, rows, own), len(disliked)) for user in users) / len(users)
        weight = len(rows) / len(self.profiles[client]) if self.options["weighting"] == "rows" else 1.0
        (weight * loss).backward()
        return torch.tensor(disliked + liked), rows.grad, {name: value.grad for name, value in own.items()}

    def lists(self, state: dict[str, object], ranked_by: Tensor) -> tuple[list[int], list[int]]:
        """Return the liked and the disliked items; each list is replaced if it has more in common with its predecessor than ever."""
        order = sorted(range(len(ranked_by)), key=lambda item: (-float(ranked_by[item]), item))
        n = int(self.options["alpha"] * len(order))
        new, latest, state["latest"] = [order[:n], order[-n:]], state["latest"], [order[:n], order[-n:]]
        state["times"] += 1
        if state["times"] <= 3:
            state |= {"used": new, "most": [0, 0], "unchanged": [0, 0]}
            return new[0], new[1]
        patience = self.options["later_patience"] if state["by_score"] else self.options["patience"]
        if all(unchanged >= patience for unchanged in state["unchanged"]):
            state |= {"by_score": True, "most": [0, 0], "unchanged": [0, 0]}
            return state["used"][0], state["used"][1]
        for which in (0, 1):
            overlap = len(set(new[which]) & set(latest[which]))
            if state["unchanged"][which] < patience and overlap > state["most"][which]:
                state["used"][which], state["most"][which], state["unchanged"][which] = new[which], overlap, 0
            elif state["unchanged"][which] < patience:
                state["unchanged"][which] += 1
        return state["used"][0], state["used"][1]

    def train_on(self, client: int, items: Tensor, scorer: Parameters) -> Sent:
        return self.uploads[client]
