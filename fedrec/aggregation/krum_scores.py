"""Krum's score, and selecting uploads one after another by it.

Blanchard et al., NeurIPS 2017: the score of an upload is the sum of its squared distances to its n - f - 2 nearest others
(`score=original`). The code published with the paper sums the n - f smallest distances, not squared (`score=paper`). Both leave out a
number of the largest distances that does not depend on n: f + 1 and f - 1.
"""

from typing import Literal

import torch
from torch import Tensor

from fedrec.ragged import sort_

Score = Literal["paper", "original"]


def pairwise_distances(products: Tensor, score: Score) -> Tensor:
    """Distances between uploads, squared if the score wants it so, from their scalar products; [g, n, n]."""
    squares = products.diagonal(dim1=1, dim2=2).clone()  # [g, n]
    squared = (squares[:, :, None] + squares[:, None]).sub_(products, alpha=2).clamp_(min=0)  # in this order it is symmetric to the bit
    squared.diagonal(dim1=1, dim2=2).zero_()
    return squared.sqrt_() if score == "paper" else squared


def left_out(f: int, score: Score) -> int:
    """How many of an upload's largest distances its score leaves out."""
    return max(f - 1, 0) if score == "paper" else f + 1


def krum_scores(distances: Tensor, n_left_out: int) -> Tensor:
    """The sum of each upload's distances [g, n, n] but for the largest ones, [g, n] float64; may sort the distances in place."""
    if n_left_out:
        sort_(distances)
    return distances[..., : distances.shape[-1] - n_left_out].sum(-1, dtype=torch.float64)


def select_at_once(distances: Tensor, exists: Tensor, n_selected: Tensor, n_left_out: int) -> Tensor:
    """Select the uploads with the least scores, of equals the first; arguments as below."""
    scores = krum_scores(distances, n_left_out).masked_fill_(~exists, torch.inf)
    return scores.argsort(stable=True).argsort() < n_selected[:, None]


def select_one_by_one(distances: Tensor, exists: Tensor, n_selected: Tensor, n_left_out: int) -> Tensor:
    """Select the upload with the least score, the first of equals, put it aside, score the others anew, and so on.

    Distances [g, n, n] between uploads that exist, [g, n] bool, and 0 elsewhere; n_selected [g] -> which uploads are selected, [g, n]
    bool. Scores follow from those before: they lose the distance to the one that was put aside, or, if that was among those left out,
    the largest one that was not. At least one distance is counted as long as two uploads are left.
    """
    g, n = exists.shape
    rows, before = distances.view(g * n, n), n * torch.arange(g, device=distances.device)
    ordered, left, sizes = distances.clone(), exists.clone(), exists.sum(1)
    selected = exists.new_zeros(g, n + 1)  # the last for groups where enough are selected
    scores = krum_scores(ordered, n_left_out).masked_fill_(~exists, torch.inf)
    farthest = ordered[..., -n_left_out].masked_fill(~exists, torch.inf)  # [g, n] the least distance that is left out, if any is
    few_from = sizes - n_left_out - 2  # from this step on one distance is counted
    n_steps, first_few = int(n_selected.max()), int(few_from.where(few_from < n_selected, n).min())
    for step in range(n_steps):
        if step >= first_few:
            few = torch.nonzero((few_from <= step) & (n_selected > step)).flatten()
            scores[few] = torch.where(left[few], _nearest(distances[few], left[few]), torch.inf)
        best = scores.argmin(1)  # [g]
        selected.scatter_(1, best.where(n_selected > step, n)[:, None], True)
        left.scatter_(1, best[:, None], False)
        lost = rows.index_select(0, before + best)  # [g, n]
        if n_left_out:
            farthest.scatter_(1, best[:, None], torch.inf)
            group, upload = torch.nonzero(lost >= farthest, as_tuple=True)
            rest = rows.index_select(0, n * group + upload) * left.index_select(0, group)
            lost[group, upload] = farthest[group, upload] = rest.topk(n_left_out).values[:, -1]
        scores -= lost  # in double precision: one huge distance would swallow all others
        scores.scatter_(1, best[:, None], torch.inf)
    return selected[:, :n]


def _nearest(distances: Tensor, left: Tensor) -> Tensor:
    """Each upload's least distance to another that is left, [g, n]."""
    others = left[:, None] & ~torch.eye(distances.shape[-1], dtype=torch.bool, device=distances.device)
    return distances.masked_fill(~others, torch.finfo(distances.dtype).max).amin(-1).double()
