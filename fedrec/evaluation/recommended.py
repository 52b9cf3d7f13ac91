"""How what is recommended spreads over the items: coverage and Gini index, so that side effects on other items show.

The definitions are those of RecBole (see quality.py). A user is recommended the K items with the highest scores among those that the user
has not trained on, or fewer if there are fewer; an item whose score is not a number is never recommended.
"""

from collections.abc import Collection, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fedrec.evaluation.ranking import Ranks
from fedrec.ragged import top_of_columns

SPREADS = ("coverage", "gini")


def recommend(scores: Tensor, seen: Tensor, k: int) -> Tensor:
    """Return the k items that each user is recommended, from the highest score, -1 where there is none; [M, W] -> [W, k].

    `seen` are the positions in scores of what each user trained on. The scores are overwritten.

    >>> recommend(torch.tensor([[3.0, 1.0], [2.0, torch.nan]]), torch.tensor([0]), 2).tolist()
    [[1, -1], [0, -1]]
    """
    scores.view(-1).index_fill_(0, seen, -torch.inf)
    highest, items = top_of_columns(scores.nan_to_num_(-torch.inf, torch.inf, -torch.inf), k)
    return items.masked_fill(highest.isneginf(), -1).T


def spread(wanted: Collection[str], lists: Ranks, ks: Sequence[int], n_items: int) -> dict[str, float]:
    """Return coverage@K and gini@K, both in [0, 1], of lists of items [B, max(K)], -1 where there is none.

    coverage: the share of all items that stand in a list; gini: 0 if all items stand in equally many, near 1 if few fill all.
    """
    metrics: dict[str, float] = {}
    counts = [np.bincount(lists[:, :k].ravel() + 1, minlength=n_items + 1)[1:] for k in ks]  # [M] each
    if "coverage" in wanted:
        metrics |= {f"coverage@{k}": float((count > 0).mean()) for k, count in zip(ks, counts, strict=True)}
    if "gini" in wanted:
        metrics |= {f"gini@{k}": gini(count) for k, count in zip(ks, counts, strict=True)}
    return metrics


def gini(counts: NDArray[np.int64]) -> float:
    """Return the Gini index of how often each item is recommended, [M]; 0 if none is.

    >>> gini(np.array([2, 2])), gini(np.array([0, 0, 0, 8]))
    (0.0, 0.75)
    """
    if not counts.any():
        return 0.0
    weights = 2 * np.arange(1, len(counts) + 1) - len(counts) - 1
    return float(weights @ np.sort(counts) / (len(counts) * counts.sum()))
