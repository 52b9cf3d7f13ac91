"""The compiled loops against plain ones: distances, Krum's score by hand, and Krum that scores all uploads anew in every step."""

import subprocess
import sys

import numba
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedrec.aggregation import GroupedUploads
from fedrec.aggregation.compiled_loops import (
    compiled,
    distances_of,
    krum_scores,
    matrix_product,
    nearest_to_each,
    repeat_krum,
)


def distances_between(rows, squared):
    """The distances [n, n] between rows [n, p], by the loops."""
    return distances_of(GroupedUploads.of_tensor(rows, torch.arange(len(rows))).for_loops(), 0, squared)


def drawn(n, p, seed, ties=False):
    drawing = torch.Generator().manual_seed(seed)
    return (torch.randint(-1, 2, (n, p), generator=drawing) if ties else torch.randn(n, p, generator=drawing)).double()


@pytest.mark.parametrize("squared", [False, True])
def test_distances_are_symmetric_to_the_bit_and_zero_between_equal_uploads(squared):
    rows = drawn(7, 5, 0)
    rows[4] = rows[1]
    distances, expected = distances_between(rows, squared), torch.cdist(rows, rows).numpy()
    np.testing.assert_allclose(distances, expected**2 if squared else expected, rtol=1e-9, atol=1e-7)
    assert (distances == distances.T).all()
    assert not np.diag(distances).any()
    assert distances[1, 4] == 0


def test_a_product_of_matrices():
    left, right = drawn(4, 3, 0).numpy(), drawn(3, 5, 1).numpy()
    np.testing.assert_allclose(matrix_product(left, right), left @ right)
    products = matrix_product(left, left.T.copy())
    assert (products == products.T).all()


@pytest.mark.parametrize(
    ("squared", "n_left_out", "expected", "farthest"),
    [
        (False, 0, [111, 108, 106, 110, 389], [np.inf] * 5),  # all four others
        (False, 1, [11, 9, 9, 17, 289], [100, 99, 97, 93, 100]),
        (False, 2, [4, 3, 5, 10, 190], [7, 6, 4, 7, 99]),
        (True, 1, [1 + 9 + 49, 1 + 4 + 36, 9 + 4 + 16, 49 + 36 + 16, 93**2 + 97**2 + 99**2], [100**2, 99**2, 97**2, 93**2, 100**2]),
        (True, 4, [0, 0, 0, 0, 0], [1, 1, 4, 16, 93**2]),
    ],
)
def test_score(squared, n_left_out, expected, farthest):
    distances = distances_between(torch.tensor([[0.0], [1.0], [3.0], [7.0], [100.0]]), squared)
    scores, least_left_out = krum_scores(distances, n_left_out)
    assert scores.tolist() == expected
    assert least_left_out.tolist() == farthest


@given(n=st.integers(1, 9), seed=st.integers(0, 99), data=st.data())
def test_score_of_random_uploads(n, seed, data):
    distances, n_left_out = distances_between(drawn(n, 2, seed), False), data.draw(st.integers(0, n))
    ascending = np.sort(distances)
    scores, farthest = krum_scores(distances, n_left_out)
    np.testing.assert_allclose(scores, ascending[:, : n - n_left_out].sum(1), atol=1e-12)
    assert (farthest == (ascending[:, -n_left_out] if n_left_out else np.inf)).all()


def naive(distances, n_left_out, n_selected):
    """Select one upload after another, and score what is left anew in every step."""
    left, selected = list(range(len(distances))), []
    while len(selected) < n_selected:
        among = distances[left][:, left]
        n_counted = max(1, len(left) - 1 - n_left_out) + 1  # the distance to itself included
        scores = np.sort(among)[:, :n_counted].sum(1).tolist()
        selected.append(left.pop(scores.index(min(scores))))
    return sorted(selected)


@given(n=st.integers(2, 15), seed=st.integers(0, 99), ties=st.booleans(), squared=st.booleans(), data=st.data())
def test_repetition_equals_krum_that_scores_anew(n, seed, ties, squared, data):
    ties = ties and squared  # squares are whole numbers, so of equal scores the first wins; roots are rounded
    distances = distances_between(drawn(n, 2, seed, ties), squared)
    before, n_left_out = distances.copy(), data.draw(st.integers(0, max(0, n - 2)))
    n_selected = data.draw(st.integers(1, n - 1))
    assert repeat_krum(distances, n_left_out, n_selected).nonzero()[0].tolist() == naive(before, n_left_out, n_selected)
    assert (distances == before).all()


@given(n=st.integers(1, 12), seed=st.integers(0, 99), ties=st.booleans(), data=st.data())
def test_nearest_of_equally_near_the_first(n, seed, ties, data):
    distances, n_nearest = distances_between(drawn(n, 2, seed, ties), True), data.draw(st.integers(1, n))
    near = nearest_to_each(distances, n_nearest)
    for upload in range(n):
        assert near[:, upload].nonzero()[0].tolist() == sorted(distances[upload].argsort(kind="stable")[:n_nearest].tolist())


def test_a_loop_is_compiled_even_where_no_code_can_be_kept(monkeypatch):
    def twice(number):
        return 2 * number

    monkeypatch.setattr(numba.core.config, "CACHE_LOCATOR_CLASSES", "ZipCacheLocator")  # a place where this file does not lie
    assert compiled(twice)(3) == 6
    assert compiled(twice).signatures == []


@pytest.mark.slow
def test_only_the_rules_that_need_the_loops_import_numba():
    program = "import sys, fedrec.catalog, fedrec.conduct, fedrec.aggregation, fedrec.defenses.{0}; print('numba' in sys.modules)"
    for rule in ("krum", "multi_krum", "bulyan", "nnm", "median"):
        done = subprocess.run([sys.executable, "-c", program.format(rule)], capture_output=True, text=True, check=True)
        assert done.stdout == "False\n"
