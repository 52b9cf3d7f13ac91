"""GuardCQ and UNION, client after client, as their papers write them. What is drawn at random comes from outside."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional as F

from tests.reference.defenses import by_sender, heard
from tests.reference.federation import Parameters, Sent, psi


def sum_of(uploads: Sequence[Sent], kept: Sequence[int], items: Tensor, scorer: Parameters) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the sum of what the senders that are kept sent."""
    rows, parameters, _ = by_sender(uploads)
    total, gradients = torch.zeros_like(items), {name: torch.zeros_like(value) for name, value in scorer.items()}
    for item, sent in rows.items():
        for sender, row in sent.items():
            total[item] += row * (sender in kept)
    for name, sent in parameters.items():
        for sender, value in sent.items():
            gradients[name] += value * (sender in kept)
    return total, gradients


@dataclass
class GuardCQSum:
    """GuardCQ, Hao et al., CCS 2024."""

    popular_share: float
    window: int
    least_gap: float
    exempt_items: int
    user_steps: int
    history: dict[int, list[list[tuple[int, int]]]] = field(default_factory=dict)
    before: tuple[Tensor, Parameters] | None = None

    def __call__(
        self, items: Tensor, scorer: Parameters, uploads: Sequence[Sent], clients: Sequence[int], users: Tensor, rate: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        rows, parameters, _ = by_sender(uploads)
        uploaded = Counter({item: len(sent) for item, sent in rows.items()})
        most_uploaded = self.first([uploaded[item] for item in range(len(items))], len(uploaded))
        users = [self.fitted(user, items[most_uploaded], scorer, rate) for user in users]
        popular = [*self.popular(items, scorer, users), most_uploaded]
        contributions, exempt = [], set()
        for sender in heard(uploads):
            own_items, own_scorer = items.clone(), {**scorer}
            for item, sent in rows.items():
                if sender in sent:
                    own_items[item] = items[item] - rate * sent[sender]
            for name, sent in parameters.items():
                if sender in sent:
                    own_scorer[name] = scorer[name] - rate * sent[sender]
            gains = sum(psi(user, own_items, own_scorer) - psi(user, items, scorer) for user in users)
            present = [[item for item in chosen if sender in rows.get(item, {})] for chosen in popular]
            counts = [(sum(bool(gains[item] > 0) for item in own) + 1, len(own) + 1) for own in present]
            own_history = self.history.setdefault(clients[sender], [])
            own_history.append(counts)
            of_sets = zip(*own_history[-self.window :], strict=True)
            contributions.append([sum(risen for risen, _ in one) / sum(there for _, there in one) for one in of_sets])
            if all(len(own) <= self.exempt_items for own in present):
                exempt.add(sender)
        self.before = items, scorer
        below = [self.below([one[number] for one in contributions]) for number in range(3)]
        senders = heard(uploads)
        self.kept = [sender for number, sender in enumerate(senders) if sender in exempt or not all(one[number] for one in below)]
        return sum_of(uploads, self.kept, items, scorer)

    def fitted(self, user: Tensor, liked: Tensor, scorer: Parameters, rate: float) -> Tensor:
        """Return a virtual user that has learnt to like some items."""
        for _ in range(self.user_steps):
            leaf = user.clone().requires_grad_()
            loss = -F.logsigmoid(psi(leaf, liked, scorer)).mean()
            user = user - rate * torch.autograd.grad(loss, leaf)[0]
        return user

    def popular(self, items: Tensor, scorer: Parameters, users: list[Tensor]) -> list[list[int]]:
        scores = sum(psi(user, items, scorer) for user in users)
        earlier = sum(psi(user, self.before[0], self.before[1]) for user in users) if self.before else torch.zeros_like(scores)
        return [self.first(values, len(items)) for values in (scores.tolist(), (scores - earlier).tolist())]

    def first(self, values: Sequence[float], n: int) -> list[int]:
        """Return the items with the largest values, as many as the share of n."""
        ranked = sorted(range(len(values)), key=lambda item: (-values[item], item))
        return ranked[: max(1, math.floor(self.popular_share * n + 1e-9))]

    def below(self, contributions: list[float]) -> list[bool]:
        ordered = sorted(contributions, reverse=True)
        gaps = [one - other for one, other in pairwise(ordered)]
        if not gaps or max(gaps) < self.least_gap:
            return [False] * len(contributions)
        lowest = ordered[gaps.index(max(gaps))]
        return [contribution < lowest for contribution in contributions]


@dataclass
class UnionSum:
    """The server of UNION, Yu et al., AAAI 2023; `moved` maps the gradient of all items to how far the server's step moves them."""

    def __call__(
        self,
        items: Tensor,
        scorer: Parameters,
        uploads: Sequence[Sent],
        moved: Callable[[Tensor], Tensor],
        sample: Sequence[int],
        uniform: Sequence[Sequence[float]],
    ) -> tuple[Tensor, dict[str, Tensor]]:
        rows, _, _ = by_sender(uploads)
        self.spreads = []
        for sender in heard(uploads):
            gradient = torch.zeros_like(items)
            for item, sent in rows.items():
                if sender in sent:
                    gradient[item] = sent[sender]
            sampled, total = (items + moved(gradient))[list(sample)], 0.0
            for row in sampled:
                total += float((sampled - row).norm(dim=1).sum())
            self.spreads.append(total / max(1, len(sample) * (len(sample) - 1)))
        senders, dropped = heard(uploads), self.minority(self.spreads, uniform)
        self.kept = [sender for number, sender in enumerate(senders) if number not in dropped]
        return sum_of(uploads, self.kept, items, scorer)

    def minority(self, spreads: Sequence[float], uniform: Sequence[Sequence[float]]) -> list[int]:
        least, largest = min(spreads), max(spreads)
        if len(spreads) < 3 or largest - least <= 1e-12 * largest:
            return []
        scaled = [(spread - least) / (largest - least) for spread in spreads]
        one, two, limit = clusters(scaled)
        expected = [clusters(sorted(numbers)) for numbers in uniform]
        gap_one = sum(math.log(ones) for ones, _, _ in expected) / len(expected) - math.log(one)
        logs = [math.log(twos) for _, twos, _ in expected]
        mean = sum(logs) / len(logs)
        deviation = math.sqrt(sum((value - mean) ** 2 for value in logs) / len(logs)) * math.sqrt(1 + 1 / len(logs))
        gap_two = mean - (math.log(two) if two > 1e-28 else -math.inf)
        if gap_one >= gap_two - deviation:
            return []
        lower = [number for number, value in enumerate(scaled) if value <= limit]
        upper = [number for number, value in enumerate(scaled) if value > limit]
        return lower if len(lower) < len(upper) else upper if len(upper) < len(lower) else []


def clusters(numbers: Sequence[float]) -> tuple[float, float, float]:
    """Return the sums of squares within one and within the two best clusters of numbers, and the largest number of the lower one."""
    ordered = sorted(numbers)
    splits = [(squares(ordered[:n]) + squares(ordered[n:]), ordered[n - 1]) for n in range(1, len(ordered))]
    return squares(ordered), *min(splits)


def squares(numbers: Sequence[float]) -> float:
    mean = sum(numbers) / len(numbers)
    return sum((number - mean) ** 2 for number in numbers)


def info_nce(positives: Tensor, negatives: Tensor, n_compared: int, round: int) -> Tensor:
    """Return the contrastive loss of a client with rows [p, d] that it has met and rows [n, d] that it has not, which take turns."""
    if len(positives) < 2 or not len(negatives):
        return positives.sum() * 0
    losses = []
    for number, row in enumerate(positives):
        partner = positives[(number + 1 + round % (len(positives) - 1)) % len(positives)]
        others = [negatives[(number * n_compared + turn + round) % len(negatives)] for turn in range(n_compared)]
        scores = torch.stack([row @ other for other in (partner, *others)])
        losses.append(F.cross_entropy(scores[None], torch.tensor([0])))
    return sum(losses) / len(losses)
