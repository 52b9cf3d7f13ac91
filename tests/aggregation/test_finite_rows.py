"""Rows and scorer gradients that are not finite, or too long, are dropped and counted."""

import pytest
import torch

from fedrec.aggregation.finite_rows import finite
from fedrec.interfaces import DenseScorerGradients, ScorerPart, Upload

ITEMS, SENDERS = torch.tensor([4, 1, 4]), torch.tensor([0, 1, 1])


def upload(rows, *biases):
    part = ScorerPart(
        torch.arange(len(biases)), DenseScorerGradients({"W": torch.ones(len(biases), 2, 2), "b": torch.tensor(biases)[:, None]})
    )
    return Upload.of_rows(torch.arange(3), ITEMS, SENDERS, torch.tensor(rows), (part,) * bool(biases))


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf, 1e30, 4e18])
def test_a_bad_row_is_dropped_alone(bad):
    """The square of 1e30 overflows in single precision, that of 4e18 does once a few are added up."""
    left, n_dropped = finite(upload([[1.0, 2.0], [0.0, bad], [3.0, 4.0]]))
    assert n_dropped == 1
    assert (left.items.tolist(), left.segments.tolist(), left.rows.tolist()) == ([4, 4], [0, 1], [[1.0, 2.0], [3.0, 4.0]])
    assert left.clients.tolist() == [0, 1, 2]


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, 1e30])
def test_a_client_with_one_bad_tensor_loses_all_its_scorer_gradients(bad):
    left, n_dropped = finite(upload([[1.0, 2.0]] * 3, 1.0, bad, 3.0))
    senders, gradients = left.scorer_rows()
    assert n_dropped == 1
    assert (senders.tolist(), gradients["b"].tolist(), gradients["W"].shape) == ([0, 2], [[1.0], [3.0]], (2, 2, 2))
    assert len(left.items) == 3


@pytest.mark.parametrize("length", [0.0, 1.0, 1e18])
def test_long_rows_stay_as_they_are_if_sums_of_their_squares_are_finite(length):
    before = upload([[length, 0.0]] * 3, 1.0)
    left, n_dropped = finite(before)
    assert n_dropped == 0
    assert torch.equal(left.rows, before.rows)
    assert torch.isfinite(4 * left.rows.square().sum())
