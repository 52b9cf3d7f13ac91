"""Ranks of held-out and target items, and the gains that ER@K (Eq. 3), HR@K and NDCG@K are means of.

HR ranks the held-out item among sampled items (He et al., "Neural Collaborative Filtering", WWW 2017). A tie counts against the item,
and so does a score that is not a number.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fedrec.ragged import on_gpu

Ranks = NDArray[np.int64]
Gains = NDArray[np.float64]

COUNTED_AT_ONCE = 128  # rows: a byte counts to 255, and 128 rows stay in the cache
FOLDED = 8  # rows that are compared as one, because every row costs a call


def rank(scores: Tensor, reference: Tensor) -> Tensor:
    """Return how many scores are not below the reference, a column per user; [M, B], [B] -> [B].

    >>> rank(torch.tensor([[3.0], [1.0], [2.0]]), torch.tensor([2.0])).tolist()
    [2]
    """
    if on_gpu(scores):
        return len(scores) - torch.count_nonzero(scores < reference, dim=0)
    values, limits = scores.numpy(), reference.numpy()
    if len(values) <= COUNTED_AT_ONCE:
        return torch.from_numpy(len(values) - _count_below(values, limits))
    left = len(values) % FOLDED
    folded = values[left:].reshape(-1, FOLDED * len(limits))
    below = _count_below(folded, np.tile(limits, FOLDED)).reshape(FOLDED, -1).sum(0) + _count_below(values[:left], limits)
    return torch.from_numpy(len(values) - below)


def _count_below(values: NDArray[np.float32], limits: NDArray[np.float32]) -> Ranks:
    """Return how many values of each column are below its limit, [n, W], [W] -> [W]; sums of bytes are fast."""
    below = np.zeros(len(limits), np.int64)
    for start in range(0, len(values), COUNTED_AT_ONCE):
        outcome = values[start : start + COUNTED_AT_ONCE] < limits
        below += np.add.reduce(outcome.view(np.uint8), axis=0, dtype=np.uint8)
    return below


def hits(ranks: Ranks, ks: Ranks) -> Gains:
    """Return 1 where a rank from 0 is among the first k; [B], [K] -> [B, K]. The mean over users is HR@K, for a target ER@K.

    >>> hits(np.array([0, 7]), np.array([5, 10])).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    return (ranks[:, None] < ks).astype(np.float64)


def ndcg(ranks: Ranks, ks: Ranks) -> Gains:
    """Return 1 / log2(rank + 2) where a rank is among the first k, the NDCG@K of one relevant item; [B], [K] -> [B, K].

    >>> ndcg(np.array([0, 2, 9]), np.array([5])).ravel().tolist()
    [1.0, 0.5, 0.0]
    """
    gains: Gains = hits(ranks, ks) / np.log2(ranks[:, None] + 2.0)
    return gains
