"""Every server-side defense as its paper writes it, item by item and upload by upload; see `tests.reference.federation`."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from tests.reference.federation import Parameters, Sent

SAME = 1e-9  # a relative difference that may be rounding


@dataclass
class Decision:
    """A result on the scale of the sum, and the uploads that it is made of."""

    result: Tensor
    used: list[int]
    tied: bool = False  # up to rounding, other uploads have the same score, so they may be selected as well
    doubtful: bool = False  # and these uploads differ


def median(rows: Tensor, f: int) -> Decision:
    """Yin et al., ICML 2018."""
    ordered, n = rows.sort(dim=0).values, len(rows)
    return Decision(n * (ordered[(n - 1) // 2] + ordered[n // 2]) / 2, list(range(n)))


def trimmed_mean(rows: Tensor, f: int, score: str) -> Decision:
    """Return n times the mean of the n - f values closest to the median, or of those between the f smallest and f largest (Yin et al.)."""
    n = len(rows)
    if score == "original":
        return Decision(n * rows.sort(dim=0).values[f : n - f].mean(0), list(range(n)))
    mean, doubtful = around_median(rows, n - f)
    return Decision(n * mean, list(range(n)), doubtful, doubtful)


def around_median(rows: Tensor, n_kept: int) -> tuple[Tensor, bool]:
    """Return the mean of the values closest to the median, and whether rounding may choose between values that differ.

    Of two values equally far from the median the smaller one stays.
    """
    ordered = rows.sort(dim=0).values
    distance = (ordered - (ordered[(len(rows) - 1) // 2] + ordered[len(rows) // 2]) / 2).abs()
    nearest = distance.argsort(dim=0, stable=True)
    of_cut = nearest[n_kept - 1 : n_kept + 1]  # the last that stays, the first that is left out
    unlike, clear = (values.gather(0, of_cut).diff(dim=0).abs() > SAME * rows.abs().amax(0) for values in (ordered, distance))
    return ordered.gather(0, nearest[:n_kept]).mean(0), bool((unlike & ~clear).any())


def pairwise_distances(rows: Tensor, score: str) -> Tensor:
    """Return the distance of each upload to each, [n, n]; squared for the original score."""
    squared = torch.stack([(rows - row).square().sum(1) for row in rows])
    return squared if score == "original" else squared.sqrt()


def krum_scores(distances: Tensor, f: int, score: str) -> list[float]:
    """Return the sum of each upload's distances to its nearest others."""
    n_nearest = len(distances) - f if score == "paper" else max(1, len(distances) - f - 2)
    scores = []
    for number, own in enumerate(distances):
        others = torch.cat([own[:number], own[number + 1 :]])
        scores.append(float(others.sort().values[:n_nearest].sum()))
    return scores


def rivals(scores: list[float], best: int, distances: Tensor) -> tuple[bool, bool]:
    """Return whether another upload has the score of the best, up to rounding, and whether one that differs from it has."""
    tied = [number for number, score in enumerate(scores) if number != best and score - scores[best] <= SAME * scores[best]]
    return bool(tied), any(float(distances[best, number]) > SAME * float(distances.max()) for number in tied)


def krum(rows: Tensor, f: int, score: str) -> Decision:
    """Blanchard et al., NeurIPS 2017; the first of equals."""
    distances = pairwise_distances(rows, score)
    scores = krum_scores(distances, f, score)
    best = scores.index(min(scores))
    return Decision(len(rows) * rows[best], [best], *rivals(scores, best, distances))


def one_by_one(rows: Tensor, f: int, score: str) -> tuple[list[int], bool, bool]:
    """Repeat Krum without the selected uploads until n - 2f are selected. Return these, whether a step was tied, and whether doubtful."""
    left, selected, tied, doubtful, distances = list(range(len(rows))), [], False, False, pairwise_distances(rows, score)
    while len(selected) < len(rows) - 2 * f:
        among = distances[left][:, left]
        scores = krum_scores(among, f, score)
        best = scores.index(min(scores))
        now = rivals(scores, best, among)
        tied, doubtful = tied or now[0], doubtful or now[1]
        selected.append(left.pop(best))
    return sorted(selected), tied, doubtful


def multi_krum(rows: Tensor, f: int, score: str) -> Decision:
    """Blanchard et al., NeurIPS 2017: the n - f best at once; the published code: n - 2f one by one."""
    if score == "original":
        scores = krum_scores(pairwise_distances(rows, score), f, score)
        ranked = sorted(range(len(rows)), key=lambda upload: scores[upload])
        selected, rejected = sorted(ranked[: len(rows) - f]), ranked[len(rows) - f :]
        last = scores[ranked[len(rows) - f - 1]]
        tied = doubtful = any(scores[upload] - last <= SAME * last for upload in rejected)
    else:
        selected, tied, doubtful = one_by_one(rows, f, score)
    return Decision(rows[selected].sum(0), selected, tied, doubtful)


def bulyan(rows: Tensor, f: int, score: str) -> Decision:
    """El Mhamdi et al., ICML 2018."""
    selected, tied, doubtful = one_by_one(rows, f, score)
    mean, too = around_median(rows[selected], len(selected) - 2 * f)
    return Decision(len(selected) * mean, selected, tied, doubtful or too)


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


RULES: dict[str, Callable[[Tensor, int, str], Decision]] = {
    "sum": lambda rows, f, score: Decision(rows.sum(0), list(range(len(rows)))),
    "median": lambda rows, f, score: median(rows, f),
    "trimmed_mean": trimmed_mean,
    "krum": krum,
    "multi_krum": multi_krum,
    "bulyan": bulyan,
}


def fewest(rule: str, f: int, score: str) -> int:
    """Return how many uploads a rule needs."""
    needed = {
        ("trimmed_mean", "original"): 2 * f + 1,
        ("krum", "paper"): 2 * f + 1,
        ("krum", "original"): 2 * f + 3,
        ("multi_krum", "paper"): 4 * f + 3,
        ("multi_krum", "original"): 2 * f + 3,
        ("bulyan", "paper"): 4 * f + 3,
        ("bulyan", "original"): 4 * f + 3,
    }
    return needed.get((rule, score), 1)


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
