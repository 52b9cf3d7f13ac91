"""The rules that combine the uploads for one item as their papers write them, upload by upload; see `tests.reference.defenses`."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

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
