"""Medians and trimmed means of ragged groups against those of one group after another."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from fedrec.aggregation import means_around_median, means_without_ends, medians

VALUES = st.lists(st.lists(st.integers(-9, 9), max_size=9), min_size=1, max_size=6)  # of groups; none may be in a group


def ragged(groups):
    """Values [1, N], ascending in each group, and sizes [J]."""
    values = torch.tensor([value for group in groups for value in sorted(group)]).double()
    return values[None], torch.tensor([len(group) for group in groups])


def median(group):
    ordered, n = sorted(group), len(group)
    return (ordered[(n - 1) // 2] + ordered[n // 2]) / 2 if n else 0.0


@given(groups=VALUES)
def test_medians(groups):
    assert medians(*ragged(groups)).tolist() == [[median(group) for group in groups]]


@given(groups=VALUES, share=st.sampled_from([0.0, 0.3, 0.9]))
def test_means_around_the_median_remove_the_farthest_and_of_two_the_larger(groups, share):
    expected, removed = [], [int(share * len(group)) for group in groups]
    for group, n_removed in zip(groups, removed, strict=True):
        stay = sorted(group, key=lambda value: (abs(value - median(group)), value))[: len(group) - n_removed]
        expected.append(sum(stay) / max(len(stay), 1))
    found = means_around_median(*ragged(groups), torch.tensor(removed))
    assert torch.allclose(found, torch.tensor([expected]).double())


@given(groups=VALUES, share=st.sampled_from([0.0, 0.2, 0.49]))
def test_means_without_ends(groups, share):
    expected, removed = [], [int(share * len(group)) for group in groups]
    for group, n_removed in zip(groups, removed, strict=True):
        stay = sorted(group)[n_removed : len(group) - n_removed]
        expected.append(sum(stay) / max(len(stay), 1))
    found = means_without_ends(*ragged(groups), torch.tensor(removed))
    assert torch.allclose(found, torch.tensor([expected]).double())
