"""Krum's score, and selecting uploads one after another by it.

Blanchard et al., NeurIPS 2017: the score of an upload is the sum of its squared distances to its n - f - 2 nearest others
(`score=original`). The code published with the paper sums the n - f smallest distances, not squared (`score=paper`). Both leave out a
number of the largest distances that does not depend on n: f + 1 and f - 1.
"""

from typing import Literal

import torch
from torch import Tensor

from fedrec.segments import ascending

Score = Literal["paper", "original"]


def distances(products: Tensor, score: Score) -> Tensor:
    """Distances between uploads, squared if the score wants it so, from their scalar products; [g, n, n]."""
    squares = products.diagonal(dim1=1, dim2=2)  # [g, n]
    squared = (squares[:, :, None] + squares[:, None]).sub_(products, alpha=2).clamp_(min=0)
    squared.diagonal(dim1=1, dim2=2).zero_()
    return squared.sqrt_() if score == "paper" else squared


def left_out(f: int, score: Score) -> int:
    """How many of an upload's largest distances its score leaves out."""
    return max(f - 1, 0) if score == "paper" else f + 1


def krum_scores(apart: Tensor, n_left_out: int) -> Tensor:
    """The sum of each upload's distances [g, n, n] but for the largest ones, [g, n]."""
    if not n_left_out:
        return apart.sum(-1)
    return ascending(apart.clone())[..., : apart.shape[-1] - n_left_out].sum(-1)


def select(apart: Tensor, n_selected: int, n_left_out: int) -> Tensor:
    """Select the upload with the least score, the first of equals, put it aside, score the others anew, and so on.

    Distances [g, n, n] -> which uploads were selected, [g, n] bool.

    Scores follow from those before: they lose the distance to the one that was put aside, or, if that was among those left out, the
    largest one that was not.
    """
    n_items, n = apart.shape[:2]
    each = torch.arange(n_items, device=apart.device)
    apart, chosen = apart.clone(), torch.zeros(n_items, n, dtype=torch.bool, device=apart.device)
    scores = krum_scores(apart, n_left_out)
    farthest = apart.topk(n_left_out).values[..., -1] if n_left_out else None  # [g, n], the least distance that is left out
    for _ in range(n_selected):
        best = scores.argmin(1)  # [g]
        chosen[each, best] = True
        lost = apart[each, best]  # [g, n]
        scores -= lost
        scores[each, best] = torch.inf
        if farthest is None:
            continue
        apart[each, :, best] = -1
        again, upload = torch.nonzero((lost >= farthest) & ~chosen, as_tuple=True)
        if len(again):
            next_one = apart[again, upload].topk(n_left_out).values[:, -1]
            scores[again, upload] += lost[again, upload] - next_one
            farthest[again, upload] = next_one
    return chosen
