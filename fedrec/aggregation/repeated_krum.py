"""Krum again and again: select the upload with the least score, put it aside, score the others anew, and so on.

The code published with the paper (MultiKrum) and Bulyan (El Mhamdi et al., ICML 2018) select uploads in this way. Nothing is sorted anew:
when an upload is put aside, the score of each other loses one distance.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fedrec.aggregation.krum_score import Score, krum_scores, left_out


@dataclass
class Repetition:
    """The uploads that are left in each of g groups of n.

    Invariants for every upload that is left, before and after `put_aside`:
    - its score is the sum of its distances to all that are left but the n_left_out largest ones;
    - `farthest` is the least of these n_left_out distances (without meaning if n_left_out = 0).
    Both are infinite for every upload that is not left. `count_nearest` gives up the first for groups in which few uploads are left.
    """

    rows: Tensor  # [g * n, n], the distances of each upload of the first group, then of the next; never changed
    starts: Tensor  # [g] int64, where the rows of each group begin
    n_left_out: int
    left: Tensor  # [g, n] bool
    scores: Tensor  # [g, n] float64: in single precision one huge distance would swallow all others
    farthest: Tensor  # [g, n]

    @classmethod
    def of(cls, distances: Tensor, exists: Tensor, f: int, score: Score) -> "Repetition":
        """Begin with all uploads that exist, [g, n] bool; distances [g, n, n]."""
        (g, n), ascending, n_left_out = exists.shape, distances.clone(), left_out(f, score)
        scores = krum_scores(ascending, f, score).masked_fill_(~exists, torch.inf)  # sorts `ascending`
        farthest = ascending[..., -n_left_out].masked_fill(~exists, torch.inf)
        starts = n * torch.arange(g, device=distances.device)
        return cls(distances.view(g * n, n), starts, n_left_out, exists.clone(), scores, farthest)

    def put_aside(self, chosen: Tensor) -> None:
        """Take one upload out of each group, [g]."""
        self.left.scatter_(1, chosen[:, None], False)
        lost = self.rows.index_select(0, self.starts + chosen)  # [g, n]
        if self.n_left_out:  # a score that left the chosen upload out loses the largest distance that it counted
            self.farthest.scatter_(1, chosen[:, None], torch.inf)
            group, upload = torch.nonzero(lost >= self.farthest, as_tuple=True)
            others = self.rows.index_select(0, self.left.shape[1] * group + upload) * self.left.index_select(0, group)
            lost[group, upload] = self.farthest[group, upload] = others.topk(self.n_left_out).values[:, -1]
        self.scores -= lost
        self.scores.scatter_(1, chosen[:, None], torch.inf)

    def count_nearest(self, groups: Tensor) -> None:
        """Score the uploads of some groups [k] by the distance to the nearest other alone."""
        left, distances = self.left[groups], self.rows.view(*self.left.shape, -1)[groups]
        others = left[:, None] & ~torch.eye(left.shape[1], dtype=torch.bool, device=left.device)
        nearest = distances.masked_fill(~others, torch.finfo(distances.dtype).max).amin(-1).double()
        self.scores[groups] = torch.where(left, nearest, torch.inf)


def repeat_krum(distances: Tensor, exists: Tensor, f: int, score: Score) -> Tensor:
    """Return which n - 2f of n uploads are selected, [g, n] bool; of uploads with equal scores the first is.

    Distances [g, n, n] are between uploads that exist, [g, n] bool, and 0 elsewhere. At least one distance counts as long as two uploads
    are left.
    """
    n, n_selected, uploads = exists.shape[1], exists.sum(1) - 2 * f, Repetition.of(distances, exists, f, score)
    selected = exists.new_zeros(len(exists), n + 1)  # the last column is for groups in which enough are selected
    few_from = exists.sum(1) - uploads.n_left_out - 2  # [g] the step from which on one distance counts
    n_steps, first_few = int(n_selected.max()), int(few_from.where(few_from < n_selected, n).min())
    for step in range(n_steps):
        if step >= first_few:
            uploads.count_nearest(torch.nonzero((few_from <= step) & (n_selected > step)).flatten())
        best = uploads.scores.argmin(1)  # [g]
        selected.scatter_(1, best.where(n_selected > step, n)[:, None], True)
        uploads.put_aside(best)
    return selected[:, :n]
