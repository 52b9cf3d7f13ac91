"""Ranks of held-out and target items, and ER@K (Eq. 3), HR@K and NDCG@K made from them.

HR follows He et al., "Neural Collaborative Filtering", WWW 2017: the held-out item among sampled items. A tie counts against the
item, and so does a score that is not a number.
"""

import torch
from torch import Tensor


def rank(scores: Tensor, reference: Tensor) -> Tensor:
    """How many scores are not below the reference; [B, M], [B] -> [B].

    >>> rank(torch.tensor([[3.0, 1.0, 2.0]]), torch.tensor([2.0])).tolist()
    [2]
    """
    return scores.shape[1] - torch.count_nonzero(scores < reference[:, None], dim=1)


def hit_ratio(ranks: Tensor, k: int) -> Tensor:
    """1 where a rank, counted from 0, is among the first k; ER@K of a target is the mean over the users who may get it."""
    return (ranks < k).double()


def ndcg(ranks: Tensor, k: int) -> Tensor:
    """NDCG@K with one relevant item: 1 / log2(rank + 2) where the rank is among the first k.

    >>> ndcg(torch.tensor([0, 2, 9]), 5).tolist()
    [1.0, 0.5, 0.0]
    """
    return torch.where(ranks < k, 1 / torch.log2(ranks.double() + 2), 0.0)
