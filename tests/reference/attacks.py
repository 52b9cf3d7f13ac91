"""Every attack once, one malicious client after another, as its paper writes it (see `tests.reference.federation`)."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from tests.reference.federation import Attacker, BenignClient, Miner, Parameters, Sent, bpr, leaves, psi

NOTHING_IDS = torch.empty(0, dtype=torch.int64)


class Pieck(Attacker):
    """Algorithms 2 and 3."""

    def __init__(self, options: Mapping[str, object], targets: Sequence[int], n_clients: int) -> None:
        self.options, self.targets = options, list(targets)
        self.miners = [Miner(options["N"], options["mining_times"], self.targets) for _ in range(n_clients)]

    def train_on(self, client: int, items: Tensor, scorer: Parameters) -> Sent:
        """Return target ids and poisonous rows, or nothing before mining is done if the attack waits for it."""
        miner = self.miners[client]
        miner.receive(items)
        if miner.mined is None and self.options["starts"] == "mined":
            return NOTHING_IDS, items[:0], {}
        copied = self.options["multi_target"] == "copy"
        trained = items[torch.tensor(self.targets[:1] if copied else self.targets)]
        popular = items[torch.tensor(miner.popular(len(items)))]
        if "lambda_" in self.options:
            gradient, of_scorer = self.pieck_ipe(popular, trained), {}
        else:
            gradient, of_scorer = self.pieck_uea(popular, trained, scorer)
        return torch.tensor(self.targets), gradient.repeat(len(self.targets), 1) if copied else gradient, of_scorer

    def pieck_ipe(self, popular: Tensor, targets: Tensor) -> Tensor:
        """Return the gradient of Eq. (8), or of the length for a target whose direction is right already."""
        rows = targets.clone().requires_grad_()
        n, guard = len(popular), self.options["vanishing_guard"]
        loss = torch.zeros((), dtype=popular.dtype)
        for row in rows:
            parts: dict[bool, list[tuple[int, Tensor]]] = {True: [], False: []}
            cosines = [F.cosine_similarity(item, row, dim=0) for item in popular]
            if guard is not None and sum(cosines) / n > guard:
                loss = loss - row.norm() / len(rows)
                continue
            for rank, (item, cosine) in enumerate(zip(popular, cosines, strict=True)):
                similarity = -self.divergence(item, row) if self.options["similarity"] == "kl" else cosine
                parts[self.options["similarity"] == "split_cosine" and bool(cosine > 0)].append((rank, similarity))
            factor = self.options["lambda_"]
            if self.options["similarity"] == "split_cosine" and self.options["single_sign"] == "divide" and not all(parts.values()):
                factor = 1 / factor
            for part in parts.values():
                ranks, size = (range(len(part)), len(part)) if self.options["ranks"] == "subset" else ([rank for rank, _ in part], n)
                for rank, (_, similarity) in zip(ranks, part, strict=True):
                    kappa = (size - rank) / (size * (size + 1) / 2) if self.options["weighted"] else 1
                    whole = self.options["similarity"] != "split_cosine"
                    divisor = (1 if self.options["weighted"] else n) if whole else len(part)  # kappa of all of P adds up to 1
                    loss = loss - factor * kappa * similarity / divisor / len(rows)
        loss.backward()
        return rows.grad

    @staticmethod
    def divergence(item: Tensor, row: Tensor) -> Tensor:
        """Return KL(v_k || v_j), Eq. (9), coordinate by coordinate."""
        p, q = F.softmax(item, 0), F.softmax(row, 0)
        return sum(a * (a / b).log() for a, b in zip(p, q, strict=True))

    def pieck_uea(self, popular: Tensor, targets: Tensor, scorer: Parameters) -> tuple[Tensor, Parameters]:
        """Return the gradients of Eq. (10), backward pass by backward pass.

        As in the released code a pass adds to the gradient that is there, which nobody clears, and each time all of it is uploaded.
        """
        batches, rounds, n = self.options["batches"], self.options["rounds"], len(popular)
        cut: list[list[int]] = [[] for _ in range(batches)]
        for number in range(n):
            cut[number * batches // n].append(number)
        everything = list(range(len(targets)))
        if self.options["repetitions"] == "inner":
            steps = [(batch, [target]) for batch in cut for target in everything for _ in range(rounds)]
        else:
            steps = [(batch, everything) for _ in range(rounds) for batch in cut]
        own = leaves({"rows": targets, **scorer})
        parameters = {name: value for name, value in own.items() if name != "rows"}
        uploaded = {name: torch.zeros_like(value) for name, value in own.items()}
        for batch, those in steps:
            for target in those:
                losses = [-F.logsigmoid(psi(popular[number], own["rows"][target : target + 1], parameters)).sum() for number in batch]
                (sum(losses) / len(batch) / batches / len(targets)).backward()  # adds to what is there
            for name, value in own.items():
                uploaded[name] += value.grad
        rows = uploaded.pop("rows") / rounds
        return rows, {name: value / rounds for name, value in uploaded.items()} if self.options["poison_scorer"] else {}


class SyntheticUsers(Attacker):
    """A-ra, or A-hum if there are `steps`; draw(round, clients) returns each client's synthetic users [s, d]."""

    def __init__(
        self, options: Mapping[str, object], targets: Sequence[int], draw: Callable[[int, Sequence[int]], Sequence[Tensor]]
    ) -> None:
        self.steps, self.targets, self.draw = options.get("steps", 0), torch.tensor(targets), draw
        self.least_slope = options.get("least_slope", 0.0)

    def start(self, round: int, clients: Sequence[int], items: Tensor, scorer: Parameters, rate: float) -> None:
        self.drawn, self.rate = dict(zip(clients, self.draw(round, clients), strict=True)), rate

    def train_on(self, client: int, items: Tensor, scorer: Parameters) -> Sent:
        users = self.drawn[client].to(items.dtype)
        for _ in range(self.steps):
            users = users.clone().requires_grad_()
            for user in users:
                (-F.logsigmoid(-psi(user, items[self.targets], scorer)).mean()).backward()
            users = (users - self.rate * users.grad).detach()
        rows, own = items[self.targets].clone().requires_grad_(), leaves(scorer)
        for user in users:
            for score in psi(user, rows, own):
                slope = float((torch.sigmoid(score) * torch.sigmoid(-score)).detach())
                weight = slope / self.least_slope if slope < self.least_slope else 1.0
                (-F.logsigmoid(score) * weight / len(rows) / len(users)).backward(retain_graph=True)
        return self.targets, rows.grad, {name: value.grad for name, value in own.items()}


class Pipa(Attacker):
    """PipAttack; users [n_clients, d] are the malicious clients' own. Levels [M] (0 = high) add the popularity estimator."""

    def __init__(
        self, options: Mapping[str, object], targets: Sequence[int], users: Tensor, levels: Tensor | None, weights: Sequence[Tensor]
    ) -> None:
        self.options, self.targets, self.levels = options, torch.tensor(targets), levels
        self.users = list(users)
        self.weights = [value.detach().clone() for value in weights]
        self.moments = [(torch.zeros_like(value), torch.zeros_like(value)) for value in self.weights]
        self.time = 0

    def start(self, round: int, clients: Sequence[int], items: Tensor, scorer: Parameters, rate: float) -> None:
        self.rate = rate
        if self.levels is not None and clients:
            for _ in range(self.options["estimator_steps"]):
                self.learn_levels(items)

    def learn_levels(self, items: Tensor) -> None:
        """Take a step of Adam (Kingma and Ba, ICLR 2015) on the cross-entropy of all items but the targets."""
        weights = [value.to(items.dtype).clone().requires_grad_() for value in self.weights]
        others = [item for item in range(len(items)) if item not in self.targets.tolist()]
        F.cross_entropy(self.estimate(items[others], weights), self.levels[others]).backward()
        self.time += 1
        for number, value in enumerate(weights):
            first, second = self.moments[number]
            first, second = 0.9 * first + 0.1 * value.grad, 0.999 * second + 0.001 * value.grad**2
            self.moments[number] = first, second
            step = (first / (1 - 0.9**self.time)) / ((second / (1 - 0.999**self.time)).sqrt() + 1e-8)
            self.weights[number] = (value - self.options["estimator_rate"] * step).detach()

    @staticmethod
    def estimate(rows: Tensor, weights: Sequence[Tensor]) -> Tensor:
        return F.relu(rows @ weights[0] + weights[1]) @ weights[2] + weights[3]

    def train_on(self, client: int, items: Tensor, scorer: Parameters) -> Sent:
        rows, user = items[self.targets].clone().requires_grad_(), self.users[client].to(items.dtype).clone().requires_grad_()
        loss = -F.logsigmoid(psi(user, rows, scorer)).mean()
        if self.levels is not None:
            high = torch.zeros(len(rows), dtype=torch.int64)
            loss = loss + self.options["alignment"] * F.cross_entropy(self.estimate(rows, self.weights), high)
        loss.backward()
        self.users[client] = (user - self.rate * user.grad).detach()
        return self.targets, rows.grad, {}


class FakeProfiles(Attacker):
    """Malicious clients that train as honest users of their profiles once they have one; profile_of(client) returns its items."""

    def __init__(self, users: Tensor, loss: str, profile_of: Callable[[int], list[int]], miners: Sequence[Miner]) -> None:
        self.users, self.loss, self.profile_of, self.miners = list(users), loss, profile_of, miners

    def train_on(self, client: int, items: Tensor, scorer: Parameters) -> Sent:
        if self.miners:
            self.miners[client].receive(items)
            if self.miners[client].mined is None:
                return NOTHING_IDS, items[:0], {}
        profile = self.profile_of(client)
        honest = BenignClient(self.users[client].to(items.dtype), torch.tensor(profile), len(profile) // 2, self.loss, self.rate)
        sent, _ = honest.train_on(items, scorer)
        self.users[client] = honest.user
        return sent


class FedRecA(Attacker):
    """The attacker centre; known[user] lists the known items of each user of whom it knows any (None: it knows nothing).

    users(round) returns synthetic users, draws(round, user) the known items with a negative for each and the number of the former,
    keys(round, n) exponential draws [n, M].
    """

    def __init__(
        self,
        options: Mapping[str, object],
        targets: Sequence[int],
        known: list[list[int]] | None,
        users: Callable[[int], Tensor],
        draws: Callable[[int, int], tuple[list[int], int]],
        keys: Callable[[int, int], Tensor],
    ) -> None:
        self.options, self.targets, self.known = options, list(targets), known
        self.draw_users, self.draws, self.keys = users, draws, keys
        self.chosen: dict[int, list[int]] = {}
        if known is not None:
            self.users = list(users(0))
            self.moments = [(torch.zeros_like(user), torch.zeros_like(user)) for user in self.users]
            self.time = 0

    def start(self, round: int, clients: Sequence[int], items: Tensor, scorer: Parameters, rate: float) -> None:
        self.uploads = dict.fromkeys(clients, (NOTHING_IDS, items[:0]))
        users = self.draw_users(round) if self.known is None else self.users
        if not len(clients) or not len(users):
            return
        if self.known is not None:
            self.fit(round, items, scorer)
            users = self.users
        pool = items.clone().requires_grad_()
        loss = sum(self.loss(number, user.to(items.dtype), pool, scorer) for number, user in enumerate(users))
        pool = torch.autograd.grad(loss, pool, allow_unused=True, materialize_grads=True)[0]
        new = [client for client in clients if client not in self.chosen]
        n_others = min(self.options["kappa"] - len(self.targets), len(items))
        if new and n_others:
            for client, keys in zip(new, self.keys(round, len(new)), strict=True):
                order = [item for item in (keys / pool.norm(dim=1)).argsort().tolist() if item not in self.targets and pool[item].any()]
                self.chosen[client] = order[:n_others]
        for client in clients:
            sent = {}
            for item in self.targets + self.chosen.get(client, []):
                norm = float(pool[item].norm())
                if norm > 1e-12:
                    sent[item] = pool[item] * min(1.0, self.options["max_norm"] / norm)
                    pool[item] = pool[item] - sent[item]
            if sent:
                self.uploads[client] = torch.tensor(list(sent)), torch.stack(list(sent.values()))

    def fit(self, round: int, items: Tensor, scorer: Parameters) -> None:
        """Take a step of Adam on each known user's BPR loss."""
        self.time += 1
        for number in range(len(self.known)):
            user = self.users[number].to(items.dtype).clone().requires_grad_()
            pairs, n_known = self.draws(round, number)
            bpr(psi(user, items[pairs], scorer), n_known).backward()
            first, second = self.moments[number]
            first, second = 0.9 * first + 0.1 * user.grad, 0.999 * second + 0.001 * user.grad**2
            self.moments[number] = first, second
            step = (first / (1 - 0.9**self.time)) / ((second / (1 - 0.999**self.time)).sqrt() + 1e-8)
            self.users[number] = (user - self.options["user_rate"] * step).detach()

    def loss(self, number: int, user: Tensor, items: Tensor, scorer: Parameters) -> Tensor:
        """Let each target that the user has not met overtake one of the user's best items, from the worst of these on."""
        known = self.known[number] if self.known is not None else []
        scores = psi(user, items, scorer)
        others = [item for item in scores.argsort(descending=True).tolist() if item not in known and item not in self.targets]
        best = min(self.options["top_k"], len(items))
        loss, turn = scores.sum() * 0, 0
        for target in self.targets:
            if target in known:
                continue
            position = best - 1 - turn % best
            turn += 1
            if position < len(others):
                margin = scores[others[position]] - scores[target]
                loss = loss + (margin if margin >= 0 else torch.expm1(margin))
        return loss

    def train_on(self, client: int, items: Tensor, scorer: Parameters) -> Sent:
        return *self.uploads[client], {}
