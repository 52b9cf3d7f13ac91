"""The limit of this machine: how long the work of a row would take if memory and arithmetic units did nothing else.

A row must at least move some bytes between memory and the core (DRAM) and some between the level-2 cache and the core (L2), and it must
calculate. Three measurements of this machine, on one core and by torch itself, turn this into time:

    limit = DRAM bytes / (triad of arrays of 64 MiB) + L2 bytes / (triad of arrays of 256 KiB) + operations / (SGEMM of 1024 x 1024)

A triad is a = b + 2 c: 12 bytes a number. The three parts are added up, because each needs the result of the one before. It is an estimate
of what is within reach and no proven bound: with MF-FRS a rule may use that all rows of a client are multiples of one vector.

What a row must do: in a round E pairs of a client and an item, d numbers in a row, n_j uploads for item j, f_j = floor(p n_j), K = d E.
Batcher's network sorts whole vectors at once and makes c(n) = n / 4 (log2(n)^2 - log2(n) + 4) - 1 compare-exchanges of 16 bytes.

- none: read item, label and count of each pair (DRAM 12 E), read each row and add to its sum (L2 12 K), score, user's gradient and row
  (6 K operations); with a scorer of W weights 6 W E more.
- ours: Re1 and its gradient, 8 K operations, because all popular items of a client act through one vector.
- any rule: `none`, and each row written and read once (DRAM 8 K).
- median: sort each coordinate of each item (L2 16 d c(n_j)). trimmed_mean: one pass more (L2 8 K).
- krum: all products of an item's rows by SGEMM (2 d n_j^2), and the distances written and read (L2 8 n_j^2).
- multi_krum: sort the distances of each upload (L2 16 n_j c(n_j)); then, once for each selected upload, change the scores of those that
  are left (L2 12 bytes, (n_j^2 - 4 f_j^2) / 2 times).
- bulyan: multi_krum, and the trimmed mean of the n_j - 2 f_j selected.
- centered_clipping: in each iteration a pass (L2 4 K, 6 K operations). geometric_median: the same after the mean (L2 4 K).
- norm_bound: `none` and 2 K operations.
- nnm: krum, the f_j farthest left out of each sum (2 d n_j f_j), and the mixed rows written and read (DRAM 8 K).
- evaluation of U users and M items: all scores by SGEMM (2 d U M; with a scorer what comes after its first layer), written and read once
  (L2 8 U M); candidates and training items read once (DRAM 4 each).

The parameters of a scorer count as one more item for each tensor: a row of its size from every client.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from experiments.timing.machine import Work


@dataclass(frozen=True)
class Load:
    """The sizes of a round."""

    groups: Sequence[tuple[Tensor, int]]  # for items, then for each tensor of the scorer: uploads n_j of each [J] float64, numbers in a row
    weights: int  # of the scorer
    malicious_share: float
    iterations: int  # of the rule, if it iterates

    def total(self, of_group: Callable[[Tensor], Tensor], wide: bool = True) -> float:
        """Return the sum over all groups of a function of the n_j, times the numbers in a row if `wide`."""
        return sum(float(of_group(sizes).sum()) * (width if wide else 1) for sizes, width in self.groups)

    @property
    def numbers(self) -> float:
        return self.total(lambda n: n)

    def tolerated(self, sizes: Tensor) -> Tensor:
        return (self.malicious_share * sizes + 1e-9).floor()


def exchanges(n: Tensor) -> Tensor:
    """
    Return how often Batcher's network of each size compares two.

    >>> exchanges(torch.tensor([1.0, 2.0, 4.0, 64.0])).tolist()
    [0.0, 1.0, 5.0, 543.0]
    """
    depth = n.clamp(min=1).log2()
    return (n / 4 * (depth**2 - depth + 4) - 1).clamp(min=0)


def plain(load: Load) -> Work:
    sizes, width = load.groups[0]
    pairs = float(sizes.sum())
    return Work(12 * pairs, 12 * pairs * width, 6 * pairs * (width + load.weights))


def ours(load: Load) -> Work:
    return plain(load) + Work(operations=8 * float(load.groups[0][0].sum()) * load.groups[0][1])


def with_rows(load: Load) -> Work:
    return plain(load) + Work(dram=8 * load.numbers)


def median(load: Load) -> Work:
    return with_rows(load) + Work(l2=16 * load.total(exchanges))


def trimmed_mean(load: Load) -> Work:
    return median(load) + Work(l2=8 * load.numbers)


def krum(load: Load) -> Work:
    return with_rows(load) + Work(l2=8 * load.total(torch.square, wide=False), operations=2 * load.total(torch.square))


def multi_krum(load: Load) -> Work:
    sorting = 16 * load.total(lambda n: n * exchanges(n), wide=False)
    return krum(load) + Work(l2=sorting + 6 * load.total(lambda n: n**2 - 4 * load.tolerated(n) ** 2, wide=False))


def bulyan(load: Load) -> Work:
    selected = load.total(lambda n: exchanges(n - 2 * load.tolerated(n)))
    return multi_krum(load) + Work(l2=16 * selected + 8 * load.numbers)


def geometric_median(load: Load) -> Work:
    return centered_clipping(load) + Work(l2=4 * load.numbers)


def centered_clipping(load: Load) -> Work:
    return with_rows(load) + Work(l2=4 * load.iterations * load.numbers, operations=6 * load.iterations * load.numbers)


def norm_bound(load: Load) -> Work:
    return plain(load) + Work(operations=2 * load.numbers)


def nnm(load: Load) -> Work:
    return krum(load) + Work(dram=8 * load.numbers, operations=2 * load.total(lambda n: n * load.tolerated(n)))


OF_ROUND: dict[str, Callable[[Load], Work]] = {
    "none": plain,
    **{rule.__name__: rule for rule in (ours, median, trimmed_mean, krum, multi_krum, bulyan, geometric_median, centered_clipping)},
    **{rule.__name__: rule for rule in (norm_bound, nnm)},
}


def evaluation(users: int, items: int, width: int, layers: Sequence[int], looked_up: int) -> Work:
    """Return the work of an evaluation; `layers` are the widths of a scorer's hidden layers, `looked_up` candidates and training items."""
    first = layers[0] if layers else width  # the first layer of a scorer is the sum of a part for the user and one for the item
    per_score = 2 * first + 2 * sum(math.prod(pair) for pair in zip(layers, [*layers[1:], 1], strict=False))
    return Work(4 * looked_up, 8 * users * items, per_score * users * items)
