"""Ranks of held-out and target items.

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
UNRANKED = 2**31 - 1  # a rank that is beyond every K


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


def joint_ranks(best: Tensor, others: Tensor) -> Tensor:
    """Return the ranks of a user's best scores in one list with others; [J, B], [K, B], both from the highest -> [J, B].

    The j-th best has rank j, counted from 0, plus the number of others that are not below it: exact below K, else K or more. What is
    -inf has no rank at all and gets `UNRANKED`.

    >>> joint_ranks(torch.tensor([[5.0], [3.0], [-torch.inf]]), torch.tensor([[torch.nan], [3.0], [1.0]])).flatten().tolist()
    [1, 3, 2147483647]
    """
    ascending = others.nan_to_num(nan=torch.inf, posinf=torch.inf, neginf=-torch.inf).flip(0).T.contiguous()  # [B, K]
    n_below = torch.searchsorted(ascending, best.T.contiguous()).T  # [J, B]
    places = torch.arange(len(best), device=best.device)[:, None]
    return (places + len(others) - n_below).masked_fill_(best.isneginf(), UNRANKED)
