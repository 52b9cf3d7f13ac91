"""Every server-side defense once, item by item and upload by upload, as its paper writes it; see `tests.oracle`."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tests.oracle import Parameters, Sent

Decision = tuple[Tensor, list[int]]  # the result on the scale of the sum, and the uploads it was made of


def median(rows: Tensor, f: int) -> Decision:
    """Yin et al., ICML 2018."""
    ordered, n = rows.sort(dim=0).values, len(rows)
    return n * (ordered[(n - 1) // 2] + ordered[n // 2]) / 2, list(range(n))


def trimmed_mean(rows: Tensor, f: int, score: str) -> Decision:
    """The mean of the n - f values closest to the median, or of those between the f smallest and the f largest (Yin et al.)."""
    n = len(rows)
    if score == "original":
        return n * rows.sort(dim=0).values[f : n - f].mean(0), list(range(n))
    return n * around_median(rows, n - f), list(range(n))


def around_median(rows: Tensor, n_kept: int) -> Tensor:
    """Of two values equally far from the median the smaller one is kept."""
    ordered = rows.sort(dim=0).values
    middle = (ordered[(len(rows) - 1) // 2] + ordered[len(rows) // 2]) / 2
    distance = ((ordered - middle).abs() * 1e9).round()  # equally far but for rounding is equally far
    nearest = distance.argsort(dim=0, stable=True)[:n_kept]
    return ordered.gather(0, nearest).mean(0)


def distances(rows: Tensor) -> Tensor:
    """Of each upload to each, [n, n]."""
    return torch.stack([(rows - row).norm(dim=1) for row in rows])


def krum_scores(apart: Tensor, f: int, score: str) -> list[float]:
    """Of each upload, the sum of its distances to its nearest others."""
    n_nearest = len(apart) - f if score == "paper" else max(0, len(apart) - f - 2)
    scores = []
    for number, own in enumerate(apart):
        others = torch.cat([own[:number], own[number + 1 :]])
        others = others if score == "paper" else others**2
        scores.append(float(others.sort().values[:n_nearest].sum()))
    return scores


def krum(rows: Tensor, f: int, score: str) -> Decision:
    """Blanchard et al., NeurIPS 2017."""
    scores = krum_scores(distances(rows), f, score)
    best = scores.index(min(scores))
    return len(rows) * rows[best], [best]


def one_by_one(rows: Tensor, f: int, score: str) -> list[int]:
    """Krum again and again, without those selected before, until n - 2f are selected."""
    left, selected, apart = list(range(len(rows))), [], distances(rows)
    while len(selected) < len(rows) - 2 * f:
        scores = krum_scores(apart[left][:, left], f, score)
        selected.append(left.pop(scores.index(min(scores))))
    return sorted(selected)


def multi_krum(rows: Tensor, f: int, score: str) -> Decision:
    """Blanchard et al., NeurIPS 2017: the n - f best at once; the published code: n - 2f one by one."""
    if score == "original":
        scores = krum_scores(distances(rows), f, score)
        selected = sorted(sorted(range(len(rows)), key=lambda upload: scores[upload])[: len(rows) - f])
    else:
        selected = one_by_one(rows, f, score)
    return rows[selected].sum(0), selected


def bulyan(rows: Tensor, f: int, score: str) -> Decision:
    """El Mhamdi et al., ICML 2018."""
    selected = one_by_one(rows, f, score)
    return len(selected) * around_median(rows[selected], len(selected) - 2 * f), selected


def norm_bound(uploads: Sequence[Sent], C: float, scope: str) -> list[Sent]:
    """Sun et al., 2019: every row is at most C long, so are the weights of every unit and every bias vector; or each client's whole upload."""

    def clipped(vector: Tensor) -> Tensor:
        return vector * min(1.0, C / float(vector.norm())) if vector.norm() > 0 else vector

    bounded = []
    for pairs, rows, interaction in uploads:
        if scope == "whole_update":
            everything = torch.cat([rows.flatten(), *(value.flatten() for value in interaction.values())])
            factor = min(1.0, C / float(everything.norm())) if everything.norm() > 0 else 1.0
            bounded.append((pairs, rows * factor, {name: value * factor for name, value in interaction.items()}))
            continue
        parameters = {}
        for name, value in interaction.items():  # a column of a matrix [in, out] is what leads to one unit
            parameters[name] = torch.stack([clipped(unit) for unit in value.T]).T if value.dim() == 2 else clipped(value)
        bounded.append((pairs, torch.stack([clipped(row) for row in rows]) if len(rows) else rows, parameters))
    return bounded


RULES: dict[str, Callable[[Tensor, int, str], Decision]] = {
    "sum": lambda rows, f, score: (rows.sum(0), list(range(len(rows)))),
    "median": lambda rows, f, score: median(rows, f),
    "trimmed_mean": trimmed_mean,
    "krum": krum,
    "multi_krum": multi_krum,
    "bulyan": bulyan,
}


def fewest(rule: str, f: int, score: str) -> int:
    """How many uploads a rule needs."""
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


def received(uploads: Sequence[Sent]) -> tuple[dict[int, dict[int, Tensor]], dict[str, dict[int, Tensor]], int]:
    """Rows by item and sender, parameters by name and sender, and how many of both were dropped because they are not finite.

    What a client sends for an item more than once is added up.
    """
    rows: dict[int, dict[int, Tensor]] = {}
    parameters: dict[str, dict[int, Tensor]] = {}
    n_dropped = 0
    for sender, (pairs, gradients, interaction) in enumerate(uploads):
        for item, row in zip(pairs.tolist(), gradients, strict=True):
            if not row.isfinite().all():
                n_dropped += 1
                continue
            sent = rows.setdefault(item, {})
            sent[sender] = sent[sender] + row if sender in sent else row
        if all(value.isfinite().all() for value in interaction.values()):
            for name, value in interaction.items():
                parameters.setdefault(name, {})[sender] = value
        else:
            n_dropped += 1
    return rows, parameters, n_dropped


@dataclass
class RobustSum:
    """What the server does with all uploads of a round instead of adding them up."""

    rule: str
    malicious_share: float = 0.0
    fallback: str = "sum"
    score: str = "paper"
    scope: str = "per_item"

    def __call__(self, items: Tensor, interaction: Parameters, uploads: Sequence[Sent]) -> tuple[Tensor, dict[str, Tensor]]:
        self.fell_back: list[int] = []
        self.judged: list[tuple[int, bool]] = []  # sender and whether what it sent was kept
        rows, parameters, self.n_dropped = received(uploads)
        self.n_clients = len(uploads)
        if self.scope == "whole_update":
            return self.of_whole_updates(items, interaction, rows, parameters)
        total = torch.zeros_like(items)
        for item, sent in rows.items():
            total[item] = self.combined(sent, item)
        gradients = {}
        for name, sent in parameters.items():
            flat = {sender: value.flatten() for sender, value in sent.items()}
            gradients[name] = self.combined(flat, None).view_as(interaction[name])
        return total, gradients

    def combined(self, sent: dict[int, Tensor], item: int | None) -> Tensor:
        senders, rows = list(sent), torch.stack(list(sent.values()))
        f = math.floor(self.malicious_share * len(rows) + 1e-9)
        if len(rows) < fewest(self.rule, f, self.score):
            if item is not None:
                self.fell_back.append(item)
            return rows.sum(0) * (self.fallback == "sum")
        result, used = RULES[self.rule](rows, f, self.score)
        if self.rule in ("krum", "multi_krum", "bulyan"):
            self.judged += [(sender, number in used) for number, sender in enumerate(senders)]
        return result

    def of_whole_updates(
        self, items: Tensor, interaction: Parameters, rows: dict[int, dict[int, Tensor]], parameters: dict[str, dict[int, Tensor]]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        n = self.n_clients
        vectors = []
        for client in range(n):
            parts = [torch.zeros_like(items)] + [torch.zeros_like(value) for value in interaction.values()]
            for item, sent in rows.items():
                if client in sent:
                    parts[0][item] = sent[client]
            for part, name in zip(parts[1:], interaction, strict=True):
                if client in parameters.get(name, {}):
                    part += parameters[name][client]
            vectors.append(torch.cat([part.flatten() for part in parts]))
        f = math.floor(self.malicious_share * n + 1e-9)
        if n < fewest(self.rule, f, self.score):
            self.fell_back = list(rows)
            return self.split(torch.stack(vectors).sum(0) * (self.fallback == "sum"), items, interaction)
        if self.rule != "bulyan":
            result, used = RULES[self.rule](torch.stack(vectors), f, self.score)
        else:
            used = one_by_one(torch.stack(vectors), f, self.score)
        self.judged = [(client, client in used) for client in range(n)]
        if self.rule != "bulyan":
            return self.split(result, items, interaction)
        trimming = RobustSum("trimmed_mean", 2 * self.malicious_share)
        kept = [{sender: value for sender, value in sent.items() if sender in used} for sent in rows.values()]
        total = torch.zeros_like(items)
        for item, sent in zip(rows, kept, strict=True):
            if sent:
                total[item] = trimming.combined(sent, item)
        gradients = {}
        for name, value in interaction.items():
            flat = {sender: one.flatten() for sender, one in parameters.get(name, {}).items() if sender in used}
            gradients[name] = trimming.combined(flat, None).view_as(value) if flat else torch.zeros_like(value)
        return total, gradients

    @staticmethod
    def split(vector: Tensor, items: Tensor, interaction: Parameters) -> tuple[Tensor, dict[str, Tensor]]:
        sizes = [items.numel()] + [value.numel() for value in interaction.values()]
        total, *others = vector.split(sizes)
        return total.view_as(items), {name: part.view_as(value) for part, (name, value) in zip(others, interaction.items(), strict=True)}
