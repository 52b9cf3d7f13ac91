"""Ranks by hand, and every fold of the rows that are compared at once."""

import pytest
import torch

from fedrec.evaluation.ranking import rank


def test_ties_and_nan_count_against_the_item():
    scores = torch.tensor([[1.0, 1.0, 0.0], [torch.nan, torch.nan, torch.nan]])
    assert rank(scores.T.contiguous(), torch.tensor([1.0, torch.nan])).tolist() == [2, 3]


@pytest.mark.parametrize("n_rows", [1, 7, 8, 9, 300, 2500])
def test_ranks_equal_a_plain_count(n_rows):
    scores, reference = (torch.randint(9, shape, generator=torch.Generator().manual_seed(0)).float() for shape in ((n_rows, 5), (5,)))
    assert torch.equal(rank(scores, reference), (scores >= reference).sum(0))
