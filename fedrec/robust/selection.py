"""Krum's score, and selecting uploads one after another by it.

Blanchard et al., NeurIPS 2017: the score of an upload is the sum of its squared distances to its n - f - 2 nearest others
(`score=original`). The code published with the paper sums the n - f smallest distances, not squared (`score=paper`). Both leave out a
number of the largest distances that does not depend on n: f + 1 and f - 1.
"""

from typing import Literal

import torch
from torch import Tensor

from fedrec.segments import sort_

Score = Literal["paper", "original"]


def distances(products: Tensor, score: Score) -> Tensor:
    """Distances between uploads, squared if the score wants it so, from their scalar products; [g, n, n]."""
    squares = products.diagonal(dim1=1, dim2=2).clone()  # [g, n]
    squared = (squares[:, :, None] + squares[:, None]).sub_(products, alpha=2).clamp_(min=0)  # in this order it is symmetric to the bit
    squared.diagonal(dim1=1, dim2=2).zero_()
    return squared.sqrt_() if score == "paper" else squared


def left_out(f: int, score: Score) -> int:
    """How many of an upload's largest distances its score leaves out."""
    return max(f - 1, 0) if score == "paper" else f + 1


def krum_scores(apart: Tensor, n_left_out: int) -> Tensor:
    """The sum of each upload's distances [g, n, n], which are sorted in place, but for the largest ones, [g, n]."""
    if n_left_out:
        sort_(apart)
    return apart[..., : apart.shape[-1] - n_left_out].sum(-1)


def select_at_once(apart: Tensor, exists: Tensor, n_selected: Tensor, n_left_out: int) -> Tensor:
    """Select the uploads with the least scores, of equals the first; arguments as below."""
    scores = krum_scores(apart, n_left_out).masked_fill_(~exists, torch.inf)
    return scores.argsort(stable=True).argsort() < n_selected[:, None]


def select_one_by_one(apart: Tensor, exists: Tensor, n_selected: Tensor, n_left_out: int) -> Tensor:
    """Select the upload with the least score, the first of equals, put it aside, score the others anew, and so on.

    Distances [g, n, n] between uploads that exist, [g, n] bool, and 0 elsewhere; n_selected [g] -> which uploads are selected, [g, n]
    bool. Scores follow from those before: they lose the distance to the one that was put aside, or, if that was among those left out,
    the largest one that was not.
    """
    each, ordered = torch.arange(len(apart), device=apart.device), apart.clone()
    scores = krum_scores(ordered, n_left_out).masked_fill_(~exists, torch.inf)
    farthest = ordered[..., -n_left_out].clone()  # [g, n] the least distance that is left out, if any is
    left, selected, sizes = exists.clone(), torch.zeros_like(exists), exists.sum(1)
    smallest = int(sizes.min())
    for step in range(int(n_selected.max())):
        if smallest - step - n_left_out <= 2:  # one distance or none is counted: two uploads may well have the same score
            n_counted = (sizes - step - 1 - n_left_out)[:, None]
            scores = torch.where(left & (n_counted <= 1), _nearest(apart, left) * (n_counted == 1), scores)
        best = scores.argmin(1)  # [g]
        selected[each, best] = n_selected > step
        left[each, best] = False
        lost = apart[each, best]  # [g, n]
        if n_left_out:
            group, upload = torch.nonzero(left & (lost >= farthest), as_tuple=True)
            rest = apart[group, upload] * left[group]
            lost[group, upload] = farthest[group, upload] = rest.topk(n_left_out).values[:, -1]
        scores -= lost
        scores[each, best] = torch.inf
    return selected


def _nearest(apart: Tensor, left: Tensor) -> Tensor:
    """Each upload's least distance to another that is left, [g, n]."""
    others = left[:, None] & ~torch.eye(apart.shape[-1], dtype=torch.bool, device=apart.device)
    return apart.masked_fill(~others, torch.finfo(apart.dtype).max).amin(-1)
