"""What explains the attacks: the quality of mined items, and how alike popular items and users are (Sec. IV-B to IV-D)."""

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from fedrec.evaluation.popular_share import POPULAR_SHARE
from fedrec.interfaces import Interactions


def mining_quality(mined: Tensor, popularity_ranks: Tensor) -> tuple[float, float]:
    """Return the share of mined items [A, N] that are truly among the top N, and among the top 15 %.

    >>> mining_quality(torch.tensor([[0, 3]]), torch.arange(1, 21))
    (0.5, 0.5)
    """
    ranks = popularity_ranks[mined.long()]
    top_n, popular = ranks <= mined.shape[1], ranks <= POPULAR_SHARE * len(popularity_ranks)
    return float(top_n.double().mean()), float(popular.double().mean())


def covered_users(items: Tensor, train: Interactions) -> Tensor:
    """Return which users interacted with at least one of the items, [U] bool; the mean is UCR (Table II)."""
    wanted = torch.zeros(train.n_items, dtype=torch.bool)
    wanted[items.long()] = True
    covered = torch.zeros(train.n_users, dtype=torch.bool)
    covered[train.users[wanted[train.items.long()]]] = True
    return covered


def pairwise_kl(items: Tensor, users: Tensor) -> float:
    """Return PKL, the mean of KL(softmax(v_k) || softmax(u_i)) over all pairs (Eq. 9); [N, d], [B, d].

    >>> pairwise_kl(torch.ones(2, 3), torch.zeros(4, 3))
    0.0
    """
    log_items, log_users = log_softmax(items.double(), 1), log_softmax(users.double(), 1)
    entropy = (log_items.exp() * log_items).sum(1).mean()
    return float(entropy - (log_items.exp().mean(0) * log_users.mean(0)).sum())


def expected_poison_share(target: int, train: Interactions, negatives_per_positive: int, n_malicious: int) -> float:
    """Return E~(v_j), the share of malicious uploads that the server should expect for a target item (Eqs. 11 to 13)."""
    distinct = torch.bincount(torch.unique(train.users * train.n_items + train.items) // train.n_items, minlength=train.n_users)
    left = (train.n_items - distinct).clamp(min=1)  # [U]
    interacted = torch.zeros(train.n_users, dtype=torch.bool)
    interacted[train.users[train.items == target]] = True
    drawn = (negatives_per_positive * train.offsets.diff() / left).clamp(max=1).double()  # Eq. (13)
    p_j = float(torch.where(interacted, 1.0, drawn).mean())  # Eq. (12)
    share = n_malicious / (n_malicious + train.n_users)
    return share / ((1 - share) * p_j + share) if share else 0.0
