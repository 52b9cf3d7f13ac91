"""Selecting uploads in every group by Krum's score: the sum of an upload's distances to the uploads nearest to it.

Blanchard et al., NeurIPS 2017, sum the squared distances to the n - f - 2 nearest others (`score=original`). The code published with the
paper sums the distances to the n - f nearest others, not squared (`score=paper`). Either score leaves out a number of the largest
distances that does not depend on n: f + 1 or f - 1.
"""

from typing import Literal

import torch
from torch import Tensor

from fedrec.aggregation.grouped_uploads import GroupedUploads

Score = Literal["paper", "original"]


def left_out(f: Tensor, score: Score) -> Tensor:
    """Return how many of an upload's largest distances its score leaves out; f [J] -> [J]."""
    return (f - 1).clamp(min=0) if score == "paper" else f + 1


def select_uploads(uploads: GroupedUploads, n_selected: Tensor, f: Tensor, score: Score, repeated: bool = False) -> Tensor:
    """Return which uploads are accepted, [N] bool: in each group the n_selected [J] with the least scores, of equals the first.

    If `repeated`, one after another is selected and put aside, as in the code published with the paper (MultiKrum) and in Bulyan
    (El Mhamdi et al., ICML 2018); the others are scored anew without it, by one distance at least. f [J] are the malicious ones to expect.
    """
    from fedrec.aggregation.compiled_loops import select

    numbers = (n_selected.cpu().numpy(), left_out(f, score).cpu().numpy())
    accepted = select(uploads.for_loops(), *numbers, score == "original", repeated)
    return torch.from_numpy(accepted).to(f.device)
