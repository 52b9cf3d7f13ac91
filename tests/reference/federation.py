"""Every equation once, one client after another, as the paper writes it: in float64 for tests, in float32 as the benchmark's baseline.

Nothing here is shared with `fedrec`: gradients come from automatic differentiation of each client's own loss, and sums from loops.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass
class Miner:
    """Algorithm 1 as one client runs it."""

    n_popular: int
    mining_times: int
    excluded: Sequence[int] = ()
    participations: int = 0
    previous: Tensor | None = None
    delta_norm: Tensor | None = None
    mined: list[int] | None = None
    settle_ties: Callable[[Tensor, list[int]], list[int]] = lambda delta_norm, mined: mined

    def popular(self, n_items: int) -> list[int]:
        """Return what the released code takes for popular: its topk of the changes noted so far, and before it has mined these are 0."""
        if self.mined is not None:
            return self.mined
        changes = torch.zeros(n_items)
        changes[list(self.excluded)] = -1024
        return changes.topk(self.n_popular).indices.tolist()

    def receive(self, items: Tensor) -> None:
        if self.mined is not None:
            return
        self.participations += 1
        if self.previous is None:
            self.delta_norm = torch.zeros(len(items), dtype=items.dtype)
        else:
            self.delta_norm = self.delta_norm + (items - self.previous).norm(dim=1)
        self.previous = items
        if self.participations == self.mining_times + 1:
            allowed = [item for item in range(len(items)) if item not in self.excluded]
            mined = sorted(allowed, key=lambda item: (-float(self.delta_norm[item]), item))[: self.n_popular]
            self.mined = self.settle_ties(self.delta_norm, mined)
            self.previous = self.delta_norm = None


@dataclass
class Ours:
    """The client-side defense, Eqs. (14)-(16), with its options."""

    N: int
    beta: float
    gamma: float
    weighting: str
    divergence: str
    reduction: str
    mining_times: int = 2
    starts: str = "first"

    def penalty(self, miner: Miner, user: Tensor, rows: Tensor, pairs: Tensor, items: Tensor) -> Tensor:
        """Return what a client adds to its loss; rows [n, d] and pairs [n] are those of all its draws, repeats included."""
        mined, ranks = miner.popular(len(items)), torch.arange(1, self.N + 1, dtype=items.dtype)
        kappa = torch.exp(self.N - ranks + 1) if self.weighting == "exp" else (self.N - ranks + 1) ** 2
        kappa = kappa / kappa.sum()
        popular = items[torch.tensor(mined)]
        unpopular = rows[[item not in mined for item in pairs.tolist()]]
        re1 = re2 = torch.zeros((), dtype=items.dtype)
        if miner.mined is not None and len(unpopular):
            cosine = F.cosine_similarity(popular[:, None], unpopular[None], dim=2)  # [N, |unpopular|]
            re1 = (kappa * cosine.mean(1)).sum()
        if miner.mined is not None or self.starts == "first":
            log_p, log_q = F.log_softmax(user, 0), F.log_softmax(popular, 1)
            divergence = log_p.exp() * (log_p - log_q) if self.divergence == "user_from_item" else log_q.exp() * (log_q - log_p)
            re2 = (kappa * (divergence.mean(1) if self.reduction == "mean" else divergence.sum(1))).sum()
        return -self.beta * re1 - self.gamma * re2


Parameters = Mapping[str, Tensor]  # of the scorer, empty for MF-FRS
Sent = tuple[Tensor, Tensor, Parameters]  # item ids, their gradient rows, gradients of the scorer


def psi(users: Tensor, rows: Tensor, scorer: Parameters) -> Tensor:
    """Return the scorer before its sigmoid: a dot product (MF-FRS) or Eq. (1) (DL-FRS); [..., d] and [n, d] -> [n]."""
    if not scorer:
        return (users * rows).sum(-1)
    hidden = torch.cat([users.expand_as(rows), rows], -1)
    for layer in range(1, sum(name.startswith("W") for name in scorer) + 1):
        hidden = F.relu(hidden @ scorer[f"W{layer}"] + scorer[f"b{layer}"])
    return hidden @ scorer["h"] + scorer.get("c", 0)


def leaves(parameters: Parameters) -> dict[str, Tensor]:
    return {name: value.detach().clone().requires_grad_() for name, value in parameters.items()}


def bce(scores: Tensor, n_positives: int) -> Tensor:
    """Return Eq. (2), written with log(sigmoid), because 1 - sigmoid rounds to 0."""
    labels = torch.zeros_like(scores)
    labels[:n_positives] = 1
    return -(labels * F.logsigmoid(scores) + (1 - labels) * F.logsigmoid(-scores)).mean()


def bpr(scores: Tensor, n_positives: int) -> Tensor:
    positive, negative = scores[:n_positives], scores[n_positives:]
    if not len(positive) or not len(negative):
        return scores.sum() * 0
    turns = torch.arange(max(len(positive), len(negative)))
    return -F.logsigmoid(positive[turns % len(positive)] - negative[turns % len(negative)]).mean()


class BenignClient(nn.Module):
    """A user with its embedding and its D_i: an item for each draw, positives first. Every draw counts; an item is uploaded once."""

    def __init__(self, user: Tensor, pairs: Tensor, n_positives: int, loss: str, rate: float, defense: Ours | None = None) -> None:
        super().__init__()
        self.embedding = nn.Embedding.from_pretrained(user[None].clone(), freeze=False)
        self.pairs, self.n_positives, self.rate = pairs, n_positives, rate
        numbers = {item: number for number, item in enumerate(dict.fromkeys(pairs.tolist()))}
        self.uploaded = torch.tensor(list(numbers), dtype=torch.int64)
        self.draws = torch.tensor([numbers[item] for item in pairs.tolist()], dtype=torch.int64)  # which of them each draw is of
        self.counts = torch.bincount(self.draws, minlength=len(numbers))
        self.loss = {"bce": bce, "bpr": bpr}[loss]
        self.defense = defense
        self.miner = Miner(defense.N, defense.mining_times) if defense else None

    @property
    def user(self) -> Tensor:
        return self.embedding.weight.detach()[0]

    @user.setter
    def user(self, value: Tensor) -> None:
        self.embedding = nn.Embedding.from_pretrained(value[None].clone(), freeze=False)

    def forward(self, rows: Tensor, scorer: Parameters) -> Tensor:
        if torch.isnan(rows).any() or torch.isnan(self.embedding.weight).any():
            raise FloatingPointError("an embedding is not a number")
        return psi(self.embedding.weight, rows, scorer)

    def train_on(self, items: Tensor, scorer: Parameters) -> tuple[Sent, float]:
        """Take part once: update the user embedding, return the upload and the loss of Eq. (2).

        The gradient of an item adds up over its draws; what is uploaded is that of one draw.
        """
        self.zero_grad()
        embeddings, own = items[self.uploaded].clone().detach().requires_grad_(), leaves(scorer)
        rows = embeddings[self.draws]
        training = self.loss(self(rows, own), self.n_positives) if len(self.pairs) else self(rows, own).sum()
        total = training
        if self.defense is not None and self.miner is not None:
            self.miner.receive(items)
            total = total + self.defense.penalty(self.miner, self.embedding.weight[0], rows, self.pairs, items)
        if torch.isnan(total):
            raise FloatingPointError("the loss is not a number")
        total.backward()
        self.embedding.weight.data.add_(self.embedding.weight.grad, alpha=-self.rate)
        one_each = embeddings.grad / self.counts[:, None]
        return (self.uploaded, one_each, {name: value.grad for name, value in own.items()}), training.item()


class Attacker(ABC):
    """All malicious clients, one after another. What is drawn at random comes from outside."""

    miners: Sequence[Miner] = ()
    server_rate: float  # of the step of the server
    benign: Sequence[Sent] = ()  # what the benign clients of the round upload; only who is told may look

    def start(self, round: int, clients: Sequence[int], items: Tensor, scorer: Parameters, rate: float) -> None:
        """Note which malicious clients, ascending, are sampled in a round, counted from 0."""
        self.rate = rate

    @abstractmethod
    def train_on(self, client: int, items: Tensor, scorer: Parameters) -> Sent:
        """Return what one of them uploads."""


@dataclass
class Server:
    """The global model and the plain sum, item by item as in the equation or upload by upload as in the published code.

    `agg` takes the place of the sum: it maps items, parameters of the scorer and all uploads to one gradient of each.
    """

    items: Tensor
    learning_rate: float
    benign: list[BenignClient]
    attacker: Attacker | None = None
    scorer: Parameters = field(default_factory=dict)
    item_by_item: bool = True
    agg: Callable[[Tensor, Parameters, Sequence[Sent]], tuple[Tensor, Parameters]] | None = None
    server_rate: float | None = None  # None: learning_rate

    def round(self, number: int, sampled: Sequence[int]) -> tuple[float, Tensor]:
        """Train for a round, counted from 0; return the mean loss of the benign clients and the Delta-Norm [M], Eq. (7)."""
        uploads, losses, rate = [], [], self.server_rate or self.learning_rate
        trained = {client: self.benign[client].train_on(self.items, self.scorer) for client in sampled if client < len(self.benign)}
        if self.attacker is not None:
            self.attacker.server_rate = rate
            self.attacker.benign = [sent for sent, _ in trained.values()]
            malicious = sorted(client - len(self.benign) for client in sampled if client >= len(self.benign))
            self.attacker.start(number, malicious, self.items, self.scorer, self.learning_rate)
        for client in sampled:
            if client < len(self.benign):
                sent, loss = trained[client]
                losses.append(loss)
            else:
                sent = self.attacker.train_on(client - len(self.benign), self.items, self.scorer)
            uploads.append(sent)
        total, gradients = (self.agg or self.sum)(self.items, self.scorer, uploads)
        previous, self.items = self.items, self.items - rate * total
        for name, gradient in gradients.items():
            self.scorer = {**self.scorer, name: self.scorer[name] - rate * gradient}
        return (sum(losses) / len(losses) if losses else math.nan), (self.items - previous).norm(dim=1)

    def sum(self, items: Tensor, scorer: Parameters, uploads: Sequence[Sent]) -> tuple[Tensor, Parameters]:
        """Return Agg of Sec. III-A, the plain sum, of the item gradients [M, d] and of each parameter's."""
        gradients = {}
        for name, value in scorer.items():
            gradients[name] = sum((sent[2][name] for sent in uploads if sent[2]), torch.zeros_like(value))
        return self.sum_of_rows(uploads), gradients

    def sum_of_rows(self, uploads: Sequence[Sent]) -> Tensor:
        total = torch.zeros_like(self.items)
        if not self.item_by_item:
            for pairs, rows, _ in uploads:
                total.index_add_(0, pairs, rows)
            return total
        by_item: dict[int, list[Tensor]] = {}
        for pairs, rows, _ in uploads:
            for item, row in zip(pairs.tolist(), rows, strict=True):
                by_item.setdefault(item, []).append(row)
        for item, gradients in by_item.items():
            total[item] = torch.stack(gradients).sum(0)
        return total


def evaluate(
    users: Sequence[Tensor],
    items: Tensor,
    scorer: Parameters,
    trained: Sequence[Tensor],
    test: Sequence[int],
    candidates: Sequence[Tensor],
    targets: Sequence[int],
    ks: Sequence[int],
) -> dict[str, float]:
    """Return HR@K among sampled candidates, full-ranking HR@K and NDCG@K, and ER@K of each target, user by user and list by list."""
    results: dict[str, list[float]] = {}
    for user, seen, held_out, others in zip(users, trained, test, candidates, strict=True):
        scores = psi(user, items, scorer)
        recommended = scores.clone()
        recommended[seen] = -math.inf
        for k in ks:
            if held_out >= 0:
                sampled = torch.cat([torch.tensor([held_out]), others])
                results.setdefault(f"HR@{k}", []).append(float(0 in top(scores[sampled], k, last=0)))
                unseen = recommended.clone()
                unseen[held_out] = scores[held_out]
                best = top(unseen, k, last=held_out)
                results.setdefault(f"full_HR@{k}", []).append(float(held_out in best))
                gain = 1 / math.log2(best.index(held_out) + 2) if held_out in best else 0.0
                results.setdefault(f"full_NDCG@{k}", []).append(gain)
            for target in targets:
                if target not in seen:
                    results.setdefault(f"ER@{k} {target}", []).append(float(target in top(recommended, k, last=target)))
    means = {name: sum(values) / len(values) for name, values in results.items()}
    for k in ks:  # a target that everybody has met does not count
        exposed = [value for name, value in means.items() if name.startswith(f"ER@{k} ")]
        if exposed:
            means[f"ER@{k}"] = sum(exposed) / len(exposed)
    return means


def top(scores: Tensor, k: int, last: int) -> list[int]:
    """Return the K items with the highest scores; `last` comes after its equals: layers whose outputs are all 0 make every score equal."""
    scores = scores.clone()
    scores[last] = torch.nextafter(scores[last], scores.new_tensor(-math.inf))
    return torch.topk(scores, min(k, len(scores))).indices.tolist()
