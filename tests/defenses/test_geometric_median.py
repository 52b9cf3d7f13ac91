"""Geometric median against the oracle, and what it does with outliers in single precision."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedrec.aggregation.aggregate import aggregate
from fedrec.defenses.geometric_median import GeometricMedian
from fedrec.interfaces import Defense
from tests.defenses.uploads import MORE, cases, of_rows, single
from tests.reference import centering as oracle_centering

SCOPES = ["per_item", "whole_update"]


@MORE
@given(one=cases(), iterations=st.integers(1, 5), smoothing=st.sampled_from([1e-6, 0.5]), scope=st.sampled_from(SCOPES))
def test_equals_the_oracle(one, iterations, smoothing, scope):
    rule = GeometricMedian(iterations=iterations, smoothing=smoothing, scope=scope)
    aggregation, _ = aggregate(Defense(server=rule), one.upload, one.view)
    oracle = oracle_centering.CentredSum(oracle_centering.GeometricMedian(iterations, smoothing), scope)
    items, parameters = oracle(one.view.model.items, one.view.model.scorer, one.sent)
    assert torch.allclose(aggregation.gradient.items, items, rtol=1e-9, atol=1e-9)
    assert aggregation.gradient.scorer.keys() == parameters.keys()
    for name, value in aggregation.gradient.scorer.items():
        assert torch.allclose(value, parameters[name], rtol=1e-9, atol=1e-9)
    assert not len(aggregation.fell_back) and aggregation.inspected is None


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("shift", [0.0, 1.0, 100.0])
@pytest.mark.parametrize("length", [1.0, 100.0, 1e4])
def test_single_precision(scope, shift, length):
    """Rows that resemble each other, and one that is many times as long: as exact as float32 is."""
    drawing = torch.Generator().manual_seed(0)
    rows = shift + 0.01 * torch.randn(20, 3, 8, generator=drawing).double()
    rows[7, :] *= length * (2.0 if shift else 100.0)
    items, senders = torch.arange(3).repeat(20), torch.arange(20).repeat_interleave(3)
    one = of_rows(items, senders, rows.flatten(0, 1).float().double(), 20)
    rule = GeometricMedian(iterations=8, smoothing=1e-6, scope=scope)
    expected = aggregate(Defense(server=rule), one.upload, one.view)[0].gradient.items
    actual = aggregate(Defense(server=rule), *single(one))[0].gradient.items
    assert torch.allclose(actual.double(), expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))


@pytest.mark.parametrize("scope", SCOPES)
def test_an_outlier_hardly_matters(scope):
    rows = torch.tensor([[1.0, 0.0]] * 9 + [[-1e6, 1e6]]).double()
    one = of_rows(torch.zeros(10).int(), torch.arange(10), rows, 10)
    rule = GeometricMedian(iterations=100, smoothing=1e-6, scope=scope)
    result = aggregate(Defense(server=rule), one.upload, one.view)[0].gradient.items[0]
    assert torch.allclose(result, torch.tensor([10.0, 0.0]).double(), atol=1e-4)
