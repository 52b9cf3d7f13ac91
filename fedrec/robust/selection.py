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


def left_out(f: Tensor, score: Score) -> Tensor:
    """How many of an upload's largest distances its score leaves out."""
    return (f - 1).clamp(min=0) if score == "paper" else f + 1


def krum_scores(apart: Tensor, n_left_out: Tensor) -> tuple[Tensor, Tensor]:
    """The sum of each upload's distances [g, n, n] but for the n_left_out [g] largest ones, [g, n].

    Also the least distance that is left out, infinite if none is.
    """
    if not n_left_out.any():
        return apart.sum(-1), torch.full_like(apart[..., 0], torch.inf)
    ordered, n_counted = apart.clone(), apart.shape[-1] - n_left_out[:, None, None]
    sort_(ordered)
    farthest = ordered.gather(-1, n_counted.clamp(max=apart.shape[-1] - 1).expand(-1, apart.shape[-1], 1))[..., 0]
    scores = ordered.masked_fill_(torch.arange(apart.shape[-1], device=apart.device) >= n_counted, 0).sum(-1)
    return scores, farthest.masked_fill_(n_left_out[:, None] == 0, torch.inf)


def select_at_once(apart: Tensor, exists: Tensor, n_selected: Tensor, n_left_out: Tensor) -> Tensor:
    """Select the uploads with the least scores, of equals the first; arguments as below."""
    scores, _ = krum_scores(apart, n_left_out)
    return scores.masked_fill_(~exists, torch.inf).argsort(stable=True).argsort() < n_selected[:, None]


def select_one_by_one(apart: Tensor, exists: Tensor, n_selected: Tensor, n_left_out: Tensor) -> Tensor:
    """Select the upload with the least score, the first of equals, put it aside, score the others anew, and so on.

    Distances [g, n, n] between uploads that exist, [g, n] bool, and 0 elsewhere; [g] each -> which uploads are selected, [g, n] bool.
    Scores follow from those before: they lose the distance to the one that was put aside, or, if that was among those left out, the
    largest one that was not.
    """
    each = torch.arange(len(apart), device=apart.device)
    scores, farthest = krum_scores(apart, n_left_out)
    scores.masked_fill_(~exists, torch.inf)
    left, most_left_out = exists.clone(), int(n_left_out.max())
    selected = torch.zeros_like(exists)
    for step in range(int(n_selected.max())):
        best = scores.argmin(1)  # [g]
        selected[each, best] = n_selected > step
        left[each, best] = False
        lost = apart[each, best]  # [g, n]
        if most_left_out:
            group, upload = torch.nonzero(left & (lost >= farthest), as_tuple=True)
            rest = apart[group, upload] * left[group]
            following = rest.topk(most_left_out).values.gather(1, n_left_out[group, None] - 1)[:, 0]
            lost[group, upload] = farthest[group, upload] = following
        scores -= lost
        scores[each, best] = torch.inf
    return selected
