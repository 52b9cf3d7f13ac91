"""FLAME, DnC and SignGuard, which select clients, and ARC and bucketing, which change uploads, as their papers write them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from tests.reference.defenses import RobustSum, by_sender, heard, vector_of
from tests.reference.federation import Parameters, Sent
from tests.reference.rules import SAME
from tests.reference.weighing import cosine


def middle(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def cut(vector: Tensor, longest: float) -> Tensor:
    length = float(vector.norm())
    return vector * (longest / length) if length > longest else vector


@dataclass
class SelectedSum:
    """n times the mean of what the selected ones of n clients sent."""

    fallback: str = "sum"
    doubtful: bool = field(init=False, default=False)  # rounding decides who is selected

    def __call__(self, items: Tensor, scorer: Parameters, uploads: Sequence[Sent]) -> tuple[Tensor, dict[str, Tensor]]:
        rows, parameters, _ = by_sender(uploads)
        vectors = [vector_of(client, items, scorer, rows, parameters) for client in heard(uploads)]
        self.accepted = self.select(vectors)
        if not self.accepted:
            return RobustSum.split(sum(vectors) * (self.fallback == "sum"), items, scorer)
        total = sum(self.changed(vectors)[number] for number in self.accepted)
        return RobustSum.split(len(vectors) / len(self.accepted) * total, items, scorer)

    def select(self, vectors: list[Tensor]) -> list[int]:
        raise NotImplementedError

    def changed(self, vectors: list[Tensor]) -> list[Tensor]:
        """Return updates clipped to the median length."""
        median = middle([float(vector.norm()) for vector in vectors])
        return [cut(vector, median) for vector in vectors]


@dataclass
class FlameSum(SelectedSum):
    """Nguyen et al., USENIX Security 2022: join the closest clusters until one holds more than half; then all that are as close join."""

    def select(self, vectors: list[Tensor]) -> list[int]:
        n = len(vectors)
        pairs = sorted((1 - cosine(vectors[i], vectors[j]), i, j) for i in range(n) for j in range(i))
        cluster_of = {number: {number} for number in range(n)}
        for place, (distance, i, j) in enumerate(pairs):
            if cluster_of[i] is not cluster_of[j]:
                joined = cluster_of[i] | cluster_of[j]
                cluster_of |= dict.fromkeys(joined, joined)
            closer = place + 1 < len(pairs) and pairs[place + 1][0] <= distance + 1e-12
            if len(cluster_of[i]) > n // 2 and not closer:
                self.doubtful = any(1e-14 < abs(other - distance) < 1e-10 for other, *_ in pairs)
                return sorted(cluster_of[i])
        return list(range(n))


@dataclass
class DivideAndConquerSum(SelectedSum):
    """Shejwalkar & Houmansadr, NDSS 2021, Algorithm 2, with the coordinates of each iteration given."""

    malicious_share: float = 0.1
    chosen: Sequence[Tensor] = ()  # [P] bool each

    def select(self, vectors: list[Tensor]) -> list[int]:
        n = len(vectors)
        f = math.floor(self.malicious_share * n + 1e-9)
        left = set(range(n)) if n >= 2 * f + 1 else set()
        for coordinates in self.chosen:
            sampled = torch.stack([vector[coordinates] for vector in vectors])
            centred = sampled - sampled.mean(0)
            _, sizes, directions = torch.linalg.svd(centred, full_matrices=False)
            scores = [float(row @ directions[0]) ** 2 for row in centred]
            ranked = sorted(range(n), key=lambda number: scores[number])
            left -= set(ranked[n - f :])
            if f and n > f:
                same = scores[ranked[n - f]] - scores[ranked[n - f - 1]] <= 1e-7 * scores[ranked[-1]]
                self.doubtful |= same or (len(sizes) > 1 and bool(sizes[0] - sizes[1] <= 1e-6 * sizes[0]))
        return sorted(left)

    def changed(self, vectors: list[Tensor]) -> list[Tensor]:
        return vectors


def mean_shift(points: list[Tensor], bandwidth: float) -> tuple[list[int], bool]:
    """Return the largest cluster, and whether rounding decides: a flat kernel, seeded in the bins of a grid, without orphans.

    Comaniciu & Meer, IEEE TPAMI 2002. A centre with fewer points than another one within a bandwidth is a copy of it.
    """
    near: list[float] = []

    def within(centre: Tensor) -> list[int]:
        distances = [float((point - centre).norm()) for point in points]
        near.extend(abs(distance - bandwidth) for distance in distances)
        return [number for number, distance in enumerate(distances) if distance <= bandwidth]

    bins = {tuple((point / bandwidth).round().tolist()) for point in points}
    found: dict[tuple[float, ...], int] = {}  # centres, and of how many points each is the mean
    for seed in points if len(bins) == len(points) else [bandwidth * torch.tensor(one).double() for one in sorted(bins)]:
        centre = seed
        while inside := within(centre):
            before, centre = centre, sum(points[number] for number in inside) / len(inside)
            if float((centre - before).norm()) <= 1e-3 * bandwidth:
                break
        if inside:
            found[tuple(centre.tolist())] = len(inside)
    best: list[Tensor] = []
    for key in sorted(found, key=lambda key: (found[key], key), reverse=True):
        if all(float((torch.tensor(key).double() - other).norm()) > bandwidth for other in best):
            best.append(torch.tensor(key).double())
        near.extend(abs(float((torch.tensor(key).double() - other).norm()) - bandwidth) for other in best[:-1])
    members: list[list[int]] = [[] for _ in best]
    for number, point in enumerate(points):
        distances = [float((point - centre).norm()) for centre in best]
        if min(distances) <= bandwidth:
            members[distances.index(min(distances))].append(number)
        near.append(abs(min(distances) - bandwidth))
    alike = [(one, other) for one in found for other in found if one < other and found[one] == found[other] and other[0] - one[0] < SAME]
    unclear = any(max(abs(a - b) for a, b in zip(one, other, strict=True)) > SAME for one, other in alike)
    return max(members, key=len), min(near) < SAME or unclear


@dataclass
class SignGuardSum(SelectedSum):
    """Xu et al., ICDCS 2022, Algorithm 2, with the coordinates given."""

    chosen: Tensor = field(default_factory=lambda: torch.zeros(0))  # [P] bool
    bounds: tuple[float, float] = (0.1, 3.0)  # of usual lengths, in medians
    quantile: float = 0.5

    def select(self, vectors: list[Tensor]) -> list[int]:
        lengths = [float(vector.norm()) for vector in vectors]
        least, most = (bound * middle(lengths) for bound in self.bounds)
        usual = [number for number, length in enumerate(lengths) if least < length < most]
        self.shares = [[sum(1 for value in vector[self.chosen] if kind(value)) for kind in KINDS_OF_SIGN] for vector in vectors]
        counts = torch.tensor(self.shares).double() / int(self.chosen.sum())
        points = list(counts / (counts.amax(0) + 1e-8))
        n_near = max(1, int(self.quantile * len(points)))
        bandwidth = sum(sorted(float((one - other).norm()) for other in points)[n_near - 1] for one in points) / len(points)
        if not bandwidth:
            return usual
        alike, self.doubtful = mean_shift(points, bandwidth)
        return [number for number in usual if number in alike]


KINDS_OF_SIGN = (lambda value: value > 0, lambda value: value == 0, lambda value: value < 0)


def clipped_to_next(uploads: list[Tensor], malicious_share: float) -> list[Tensor]:
    """Return what uploads become by ARC, Allouah et al., ICLR 2025, Algorithm 2."""
    n = len(uploads)
    f = math.floor(malicious_share * n + 1e-9)
    longest_first = sorted((float(upload.norm()) for upload in uploads), reverse=True)
    n_clipped = 2 * f * (n - f) // n
    return [cut(upload, longest_first[n_clipped]) for upload in uploads]


def arc(uploads: Sequence[Sent], items: Tensor, scorer: Parameters, malicious_share: float, scope: str) -> list[Sent]:
    """Return uploads in which each client sends the clipped gradients in place of what it sent."""
    return changed(uploads, items, scorer, scope, lambda senders, gradients: clipped_to_next(gradients, malicious_share))


def bucketed(senders: list[int], uploads: list[Tensor], places: Sequence[int], s: int) -> list[Tensor]:
    """Return for each upload the mean of its bucket, of s uploads that follow in the order of the clients' places."""
    order = sorted(range(len(uploads)), key=lambda number: places[senders[number]])
    result = list(uploads)
    for start in range(0, len(order), s):
        bucket = order[start : start + s]
        for number in bucket:
            result[number] = sum(uploads[other] for other in bucket) / len(bucket)
    return result


def bucketing(uploads: Sequence[Sent], items: Tensor, scorer: Parameters, s: int, scope: str, places: Sequence[int]) -> list[Sent]:
    """Return uploads in which each client sends the means. Karimireddy et al., ICLR 2022, Algorithm 1; places: of the clients heard."""
    place_of = dict(zip(heard(uploads), places, strict=True))
    return changed(uploads, items, scorer, scope, lambda senders, gradients: bucketed(senders, gradients, place_of, s))


def changed(uploads: Sequence[Sent], items: Tensor, scorer: Parameters, scope: str, change) -> list[Sent]:
    """Return uploads after a change of all rows for an item and of all gradients of a parameter; or of all whole updates.

    A whole update that a change made holds a row for every item that is not 0.
    """
    rows, parameters, _ = by_sender(uploads)
    sent: list[tuple[list[int], list[Tensor], dict[str, Tensor]]] = [([], [], {}) for _ in uploads]
    if scope == "whole_update":
        vectors = [vector_of(client, items, scorer, rows, parameters) for client in heard(uploads)]
        for client, vector in zip(heard(uploads), change(heard(uploads), vectors), strict=True):
            of_items, of_scorer = RobustSum.split(vector, items, scorer)
            touched = of_items.abs().sum(1).nonzero().flatten().tolist()
            sent[client] = (touched, list(of_items[touched]), of_scorer)
    else:
        for item, sent_by in rows.items():
            for sender, row in zip(sent_by, change(list(sent_by), list(sent_by.values())), strict=True):
                sent[sender][0].append(item)
                sent[sender][1].append(row)
        for name, sent_by in parameters.items():
            for sender, value in zip(sent_by, change(list(sent_by), list(sent_by.values())), strict=True):
                sent[sender][2][name] = value
    nothing = uploads[0][1][:0]
    return [(torch.tensor(numbers).long(), torch.stack(values) if values else nothing, tensors) for numbers, values, tensors in sent]
