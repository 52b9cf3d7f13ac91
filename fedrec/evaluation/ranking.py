"""Ranks of held-out and target items, and ER@K (Eq. 3), HR@K and NDCG@K made from them.

HR follows He et al., "Neural Collaborative Filtering", WWW 2017: the held-out item among sampled items. A tie counts against the
item, and so does a score that is not a number.
"""

import numpy as np
import torch
from torch import Tensor

from fedrec.segments import on_gpu


def rank(scores: Tensor, reference: Tensor) -> Tensor:
    """How many scores are not below the reference; [B, M], [B] -> [B].

    >>> rank(torch.tensor([[3.0, 1.0, 2.0]]), torch.tensor([2.0])).tolist()
    [2]
    """
    if on_gpu(scores):
        return scores.shape[1] - torch.count_nonzero(scores < reference[:, None], dim=1)
    below = (scores.numpy() < reference.numpy()[:, None]).view(np.uint8)
    counter = np.uint16 if scores.shape[1] < 2**16 else np.int64  # the narrow one is vectorised: five times as fast as torch
    return torch.from_numpy(scores.shape[1] - np.add.reduce(below, axis=1, dtype=counter).astype(np.int64))


def hits(ranks: Tensor, ks: Tensor) -> Tensor:
    """1 where a rank, counted from 0, is among the first k; [B], [K] -> [B, K]. The mean over users is HR@K, of a target ER@K.

    >>> hits(torch.tensor([0, 7]), torch.tensor([5, 10])).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    return (ranks[:, None] < ks).double()


def ndcg(ranks: Tensor, ks: Tensor) -> Tensor:
    """NDCG@K with one relevant item: 1 / log2(rank + 2) where the rank is among the first k; [B], [K] -> [B, K].

    >>> ndcg(torch.tensor([0, 2, 9]), torch.tensor([5])).flatten().tolist()
    [1.0, 0.5, 0.0]
    """
    return hits(ranks, ks) / torch.log2(ranks[:, None].double() + 2)
