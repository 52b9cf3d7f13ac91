"""Rules on the rows of one item, as the loop of whole uploads applies them: rows [n, p] and f to the result on the scale of the sum [p]."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

Combine = Callable[[Tensor, int], Tensor]


def median(rows: Tensor, f: int) -> Tensor:
    ordered, n = rows.sort(0).values, len(rows)
    return n * (ordered[(n - 1) // 2] + ordered[n // 2]) / 2


def trimmed_mean(rows: Tensor, f: int) -> Tensor:
    """Return n times the mean of the n - f values closest to the median."""
    n = len(rows)
    nearest = (rows - median(rows, f) / n).abs().argsort(dim=0, stable=True)[: n - f]
    return n * rows.gather(0, nearest).mean(0)


def krum_scores(distances: Tensor, f: int) -> Tensor:
    """Return the sum of the n - f smallest distances to others of each upload; the first of n is the one to itself, 0."""
    return distances.sort(1).values[:, : len(distances) - f + 1].sum(1)


def krum(rows: Tensor, f: int) -> Tensor:
    if len(rows) < 2 * f + 1:
        return rows.sum(0)
    return len(rows) * rows[krum_scores(torch.cdist(rows, rows), f).argmin()]


def selected(rows: Tensor, f: int) -> Tensor:
    """Return the rows that Krum selects one after another."""
    distances, left, chosen = torch.cdist(rows, rows), list(range(len(rows))), list[int]()
    while len(chosen) < len(rows) - 2 * f:
        chosen.append(left.pop(int(krum_scores(distances[left][:, left], f).argmin())))
    return rows[chosen]


def multi_krum(rows: Tensor, f: int) -> Tensor:
    return rows.sum(0) if len(rows) < 4 * f + 3 else selected(rows, f).sum(0)


def bulyan(rows: Tensor, f: int) -> Tensor:
    return rows.sum(0) if len(rows) < 4 * f + 3 else trimmed_mean(selected(rows, f), 2 * f)


def norm_bound(C: float) -> Combine:
    return lambda rows, f: (rows * (C / rows.norm(dim=1, keepdim=True)).clamp(max=1)).sum(0)


COMBINE: Mapping[str, Combine] = {rule.__name__: rule for rule in (median, trimmed_mean, krum, multi_krum, bulyan)}
