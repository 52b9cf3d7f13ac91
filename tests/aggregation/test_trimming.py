"""Medians and trimmed means of ragged groups against those of one group after another, and their sums against NumPy's."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedrec.aggregation import GroupedUploads
from fedrec.aggregation.trimming import add_up, ascending

VALUES = st.lists(st.lists(st.integers(-9, 9), max_size=9), min_size=1, max_size=6)  # of groups; none may be in a group


def grouped(groups):
    """Uploads of one coordinate, half of each value times two."""
    values = torch.tensor([[value / 2] for group in groups for value in group]).double().view(-1, 1)
    n, sizes = torch.arange(len(values)), torch.tensor([len(group) for group in groups])
    return GroupedUploads(torch.arange(len(groups)), sizes, values, n, torch.full((len(n),), 2.0).double(), n)


def median(group):
    ordered, n = sorted(group), len(group)
    return (ordered[(n - 1) // 2] + ordered[n // 2]) / 2 if n else 0.0


@given(groups=VALUES)
def test_medians(groups):
    assert grouped(groups).medians().tolist() == [[median(group)] for group in groups]


@given(groups=VALUES, share=st.sampled_from([0.0, 0.3, 0.9]))
def test_means_around_the_median_keep_the_closest_and_of_two_the_smaller(groups, share):
    expected, n_kept = [], [len(group) - int(share * len(group)) for group in groups]
    for group, n in zip(groups, n_kept, strict=True):
        stay = sorted(group, key=lambda value: (abs(value - median(group)), value))[:n]
        expected.append([sum(stay) / max(len(stay), 1)])
    found = grouped(groups).trimmed_means(torch.tensor(n_kept), around_median=True)
    assert torch.allclose(found, torch.tensor(expected).double())


@given(groups=VALUES, share=st.sampled_from([0.0, 0.2, 0.49]))
def test_means_of_those_in_the_middle(groups, share):
    expected, removed = [], [int(share * len(group)) for group in groups]
    for group, n in zip(groups, removed, strict=True):
        stay = sorted(group)[n : len(group) - n]
        expected.append([sum(stay) / max(len(stay), 1)])
    n_kept = torch.tensor([len(group) - 2 * n for group, n in zip(groups, removed, strict=True)])
    assert torch.allclose(grouped(groups).trimmed_means(n_kept, around_median=False), torch.tensor(expected).double())


@pytest.mark.parametrize("n", [*range(1, 20), 63, 64, 65, 127, 128, 129, 200, 257, 300, 1025])
def test_columns_ascend_and_sums_are_those_of_numpy_to_the_bit(n):
    rows = np.random.default_rng(n).standard_normal((n, 5)).astype(np.float32)
    ordered = ascending(rows, np.arange(n).astype(np.uint64), np.full(n, 3, np.float32))
    assert (ordered == np.sort(rows * np.float32(3), 0)).all()
    columns = ordered.T.copy()
    add_up(ordered.reshape(-1), 0, n, 5)
    assert ordered[0].tolist() == [column.sum().item() for column in columns]


def test_uploads_in_single_precision_stay_so():
    uploads = GroupedUploads.of_tensor(torch.randn(5, 3), torch.arange(5))
    assert uploads.medians().dtype == uploads.trimmed_means(torch.tensor([3]), around_median=True).dtype == torch.float32
