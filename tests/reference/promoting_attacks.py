"""The attacks that promote items and came later than those of `tests.reference.attacks`, one malicious client after another."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from tests.reference.attacks import NOTHING_IDS, Pieck, Pipa
from tests.reference.federation import Attacker, BenignClient, Miner, Ours, Parameters, Sent, psi


class NearbyPipa(Pipa):
    """PipAttack with its distance term: moved[t] is what all clients have moved target t by in the rounds before."""

    def start(self, round: int, clients: Sequence[int], items: Tensor, scorer: Parameters, rate: float) -> None:
        super().start(round, clients, items, scorer, rate)
        nothing = [torch.zeros_like(items[target]) for target in self.targets]
        self.moved, self.n_clients = getattr(self, "pending", nothing), len(clients)
        self.pending = list(self.moved)

    def train_on(self, client: int, items: Tensor, scorer: Parameters) -> Sent:
        targets, rows, of_scorer = super().train_on(client, items, scorer)
        if self.options["distance"]:
            rows = rows + torch.stack([self.options["distance"] * moved / self.n_clients for moved in self.moved])
            self.pending = [pending - self.server_rate * row for pending, row in zip(self.pending, rows, strict=True)]
        return targets, rows, of_scorer


class PoisonFrs(Attacker):
    """PoisonFRS; noise(round, clients, n) returns what each client adds to its n rows, [n, d] each."""

    def __init__(
        self, options: Mapping[str, object], targets: Sequence[int], noise: Callable[[int, Sequence[int], int], Sequence[Tensor]]
    ) -> None:
        self.options, self.targets, self.noise = options, list(targets), noise
        self.begun, self.growing, self.scale, self.last = None, True, options["lambda_"], None

    def start(self, round: int, clients: Sequence[int], items: Tensor, scorer: Parameters, rate: float) -> None:
        self.uploads = dict.fromkeys(clients, (NOTHING_IDS, items[:0]))
        if round < self.options["start_round"] or not clients:
            return
        self.begun = items.clone() if self.begun is None else self.begun
        mean = sum(items) / len(items)
        others = sorted((float(item @ mean), number) for number, item in enumerate(items) if number not in self.targets)
        centre = sum(items[number] for _, number in others[: self.options["N"]]) / self.options["N"]
        self.grow(torch.stack([items[target] for target in self.targets]), centre)
        moved = [(-float((items[number] - self.begun[number]).norm()), number) for number in range(len(items))]
        fillers = [number for _, number in sorted(moved) if number not in self.targets][: self.options["kappa"] - len(self.targets)]
        wanted = {**{number: self.begun[number] for number in fillers}, **dict.fromkeys(self.targets, self.scale * centre)}
        chosen = self.targets + fillers
        for client, noise in zip(clients, self.noise(round, clients, len(chosen)), strict=True):
            step = self.server_rate * len(clients)
            rows = [(items[item] - wanted[item]) / step + added for item, added in zip(chosen, noise, strict=True)]
            self.uploads[client] = torch.tensor(chosen), torch.stack(rows)

    def grow(self, rows: Tensor, centre: Tensor) -> None:
        """Double Lambda if the targets are nearer to what was wanted last than in the round before."""
        distance = sum(float(((row - self.scale * centre) ** 2).sum()) for row in rows) ** 0.5
        if self.last is not None and self.growing:
            self.growing = distance < self.last
            self.scale = min(2 * self.scale, self.options["max_lambda"]) if self.growing else self.scale
        self.last = distance

    def train_on(self, client: int, items: Tensor, scorer: Parameters) -> Sent:
        return *self.uploads[client], {}


class Psmu(Attacker):
    """PSMU; draw(round, clients) returns the user [d] with which each client starts, and its profile: items to like, then others."""

    def __init__(
        self,
        options: Mapping[str, object],
        targets: Sequence[int],
        draw: Callable[[int, Sequence[int]], Sequence[tuple[Tensor, list[int]]]],
    ) -> None:
        self.options, self.targets, self.draw = options, list(targets), draw

    def start(self, round: int, clients: Sequence[int], items: Tensor, scorer: Parameters, rate: float) -> None:
        self.drawn = dict(zip(clients, self.draw(round, clients), strict=True))

    def fit(self, user: Tensor, profile: list[int], items: Tensor, scorer: Parameters) -> Tensor:
        """Take the steps of Adam (Kingma and Ba, ICLR 2015) on Bayesian personalised ranking, pair by pair."""
        first, second, half = torch.zeros_like(user), torch.zeros_like(user), len(profile) // 2
        for time in range(1, self.options["steps"] + 1):
            leaf = user.clone().requires_grad_()
            scores = psi(leaf, items[profile], scorer)
            sum(-torch.nn.functional.logsigmoid(scores[k] - scores[half + k]) / half for k in range(half)).backward()
            first, second = 0.9 * first + 0.1 * leaf.grad, 0.999 * second + 0.001 * leaf.grad**2
            user = user - self.options["user_rate"] * (first / (1 - 0.9**time)) / ((second / (1 - 0.999**time)).sqrt() + 1e-8)
        return user

    def train_on(self, client: int, items: Tensor, scorer: Parameters) -> Sent:
        drawn, profile = self.drawn[client]
        user = self.fit(drawn.to(items.dtype), profile, items, scorer)
        scores, rows = psi(user, items, scorer), items[self.targets].clone().requires_grad_()
        others = [item for item in range(len(items)) if item not in self.targets]
        best = sorted(others, key=lambda item: -float(scores[item]))[: min(self.options["top_k"], self.options["alternatives"])]
        loss = torch.zeros((), dtype=items.dtype)
        for target, row in zip(self.targets, rows, strict=True):
            alike = sorted((item for item in others if item not in best), key=lambda item: -float(items[item] @ items[target]))
            for item in best + alike[: self.options["alternatives"] - len(best)]:
                loss = loss + torch.sigmoid(scores[item] - psi(user, row[None], scorer)[0])
        loss.backward()
        return torch.tensor(self.targets), rows.grad, {}


class AdaptivePieck(Pieck):
    """PIECK that knows `ours`: users [n_clients, d] are the stand-ins, profile_of(client) returns what its stand-in likes, then others."""

    def __init__(
        self,
        options: Mapping[str, object],
        targets: Sequence[int],
        users: Tensor,
        profile_of: Callable[[int, list[int]], list[int]],
        loss: str,
    ) -> None:
        super().__init__(options, targets, len(users))
        self.users, self.profile_of, self.loss = list(users), profile_of, loss

    def train_on(self, client: int, items: Tensor, scorer: Parameters) -> Sent:
        self.miners[client].receive(items)
        mined = self.miners[client].mined
        if mined is None:
            return NOTHING_IDS, items[:0], {}
        profile, n = self.profile_of(client, mined), min(10, len(mined))
        defense = Ours(n, 0.0, self.options["gamma"], "exp", "user_from_item", "sum")
        honest = BenignClient(self.users[client].to(items.dtype), torch.tensor(profile), len(profile) // 2, self.loss, self.rate, defense)
        honest.miner = Miner(n, 1, mined=mined[:n])
        honest.train_on(items, scorer)
        self.users[client] = honest.user
        copied = self.options["multi_target"] == "copy"
        trained = items[torch.tensor(self.targets[:1] if copied else self.targets)]
        if "lambda_" in self.options:
            gradient, of_scorer = self.pieck_ipe(self.rise(honest.user, trained, scorer).repeat(len(mined), 1), trained), {}
        else:
            gradient, of_scorer = self.pieck_uea(honest.user.repeat(len(mined), 1), trained, scorer)
        return torch.tensor(self.targets), gradient.repeat(len(self.targets), 1) if copied else gradient, of_scorer

    @staticmethod
    def rise(user: Tensor, targets: Tensor, scorer: Parameters) -> Tensor:
        """Return the mean direction in which the scores of the targets rise, [d]."""
        rows = targets.clone().requires_grad_()
        psi(user, rows, scorer).sum().backward()
        return rows.grad.mean(0)


def parts_of(uploads: Sequence[tuple[int, int, Tensor]], directions: Tensor, spread: float) -> list[Tensor]:
    """Return the part in place of each row (client, item, row) of malicious clients; directions [n_clients, d]."""
    parts = []
    for client, item, _ in uploads:
        senders = [sender for sender, other, _ in uploads if other == item]
        mean = sum(row for _, other, row in uploads if other == item) / len(senders)
        common = sum(directions[sender] for sender in senders) / len(senders)
        parts.append(mean + spread * mean.norm() * (directions[client] - common))
    return parts
