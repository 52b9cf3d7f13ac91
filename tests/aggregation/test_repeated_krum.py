"""Repeated Krum against Krum that scores all uploads anew in every step, and the invariants of its state."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedrec.aggregation import krum_scores, pairwise_distances, repeat_krum
from fedrec.aggregation.krum_score import left_out
from fedrec.aggregation.repeated_krum import Repetition

SCORES = pytest.mark.parametrize("score", ["paper", "original"])


def padded(sizes, seed, score, ties):
    """Distances [g, n, n] between random uploads, and which uploads exist [g, n]."""
    drawing = torch.Generator().manual_seed(seed)
    shape = (len(sizes), max(sizes), 2)
    rows = (torch.randint(-1, 2, shape, generator=drawing) if ties else torch.randn(shape, generator=drawing)).double()
    exists = torch.arange(max(sizes)) < torch.tensor(sizes)[:, None]
    return pairwise_distances(rows @ rows.mT, score) * exists[:, :, None] * exists[:, None], exists


def naive(distances, n_selected, f, score):
    """Select from one group [n, n], and score what is left anew in every step."""
    left, selected = list(range(len(distances))), []
    while len(selected) < n_selected:
        among = distances[left][:, left]
        n_counted = max(1, len(left) - 1 - left_out(f, score)) + 1  # the distance to itself included
        scores = among.sort(1).values[:, :n_counted].sum(1).tolist()
        selected.append(left.pop(scores.index(min(scores))))
    return sorted(selected)


@SCORES
@given(sizes=st.lists(st.integers(7, 15), min_size=1, max_size=4), seed=st.integers(0, 99), f=st.integers(0, 3), ties=st.booleans())
def test_equals_krum_that_scores_anew(score, sizes, seed, f, ties):
    ties = ties and score == "original"  # squares are whole numbers, so of equal scores the first wins; roots are rounded
    distances, exists = padded(sizes, seed, score, ties)
    before = distances.clone()
    found = repeat_krum(distances, exists, f, score)
    assert torch.equal(distances, before)
    for group, n in enumerate(sizes):
        assert found[group].nonzero().flatten().tolist() == naive(distances[group, :n, :n], n - 2 * f, f, score)


@SCORES
@pytest.mark.parametrize("f", [0, 1, 3])
def test_invariants_hold_after_every_step(score, f):
    distances, exists = padded([9, 12], 1, score, ties=False)
    uploads, n_left_out = Repetition.of(distances, exists, f, score), left_out(f, score)
    for chosen in torch.tensor([[0, 3], [5, 11], [8, 0], [2, 1]]):
        for group in range(2):
            left = uploads.left[group].nonzero().flatten()
            ascending = distances[group][left][:, left].sort(1).values
            assert torch.allclose(uploads.scores[group, left], ascending[:, : len(left) - n_left_out].sum(1))
            if n_left_out:
                assert torch.equal(uploads.farthest[group, left], ascending[:, -n_left_out])
            assert torch.isinf(uploads.scores[group, ~uploads.left[group]]).all()
        uploads.put_aside(chosen)
        assert not uploads.left[torch.arange(2), chosen].any()


@SCORES
def test_the_first_selected_has_the_least_score(score):
    distances, exists = padded([15], 3, score, ties=False)
    best = int(krum_scores(distances.clone(), 7, score).argmin())
    assert repeat_krum(distances, exists, 7, score).nonzero().tolist() == [[0, best]]  # n - 2f = 1
