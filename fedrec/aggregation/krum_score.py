"""Krum's score of an upload: the sum of its distances to the uploads nearest to it.

Blanchard et al., NeurIPS 2017, sum the squared distances to the n - f - 2 nearest others (`score=original`). The code published with the
paper sums the distances to the n - f nearest others, not squared (`score=paper`). Either score leaves out a number of the largest
distances that does not depend on n: f + 1 or f - 1.
"""

from typing import Literal

import torch
from torch import Tensor

from fedrec.ragged import sort_

Score = Literal["paper", "original"]


def pairwise_distances(products: Tensor, score: Score) -> Tensor:
    """Return the distances between uploads, squared for the original score, from their scalar products; [g, n, n]."""
    squares = products.diagonal(dim1=1, dim2=2).clone()  # [g, n]
    squared = (squares[:, :, None] + squares[:, None]).sub_(products, alpha=2).clamp_(min=0)  # in this order it is symmetric to the bit
    squared.diagonal(dim1=1, dim2=2).zero_()
    return squared.sqrt_() if score == "paper" else squared


def left_out(f: int, score: Score) -> int:
    """Return how many of an upload's largest distances its score leaves out."""
    return max(f - 1, 0) if score == "paper" else f + 1


def krum_scores(distances: Tensor, f: int, score: Score) -> Tensor:
    """Return the score of each upload from the distances [g, n, n], [g, n] float64. May sort the distances in place."""
    if n_left_out := left_out(f, score):
        sort_(distances)
    return distances[..., : distances.shape[-1] - n_left_out].sum(-1, dtype=torch.float64)
