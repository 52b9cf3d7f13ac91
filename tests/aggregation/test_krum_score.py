"""Krum's score by hand, and the distances that it adds up."""

import pytest
import torch

from fedrec.aggregation import krum_scores, pairwise_distances

ROWS = torch.tensor([[[0.0], [1.0], [3.0], [7.0], [100.0]]]).double()  # one group of five


@pytest.mark.parametrize("score", ["paper", "original"])
def test_distances_are_symmetric_and_zero_to_oneself(score):
    rows = torch.randn(4, 7, 5, generator=torch.Generator().manual_seed(0))
    distances = pairwise_distances(rows @ rows.mT, score)
    expected = torch.cdist(rows, rows)
    assert torch.allclose(distances, expected if score == "paper" else expected.square(), atol=1e-4)
    assert torch.equal(distances, distances.mT)
    assert not distances.diagonal(dim1=1, dim2=2).any()


@pytest.mark.parametrize(
    ("score", "f", "expected"),
    [
        ("paper", 0, [111, 108, 106, 110, 389]),  # all four others
        ("paper", 1, [111, 108, 106, 110, 389]),  # n - f = 4
        ("paper", 2, [11, 9, 9, 17, 289]),  # n - f = 3
        ("original", 0, [1 + 9 + 49, 1 + 4 + 36, 9 + 4 + 16, 49 + 36 + 16, 93**2 + 97**2 + 99**2]),  # n - f - 2 = 3
        ("original", 1, [1 + 9, 1 + 4, 4 + 9, 16 + 36, 93**2 + 97**2]),
    ],
)
def test_score(score, f, expected):
    distances = pairwise_distances(ROWS @ ROWS.mT, score)
    assert krum_scores(distances, f, score)[0].tolist() == pytest.approx(expected)
