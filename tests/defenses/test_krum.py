"""Krum against the oracle, by hand, and in single precision."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.defenses.robust_rules import (
    build,
    check_equal_rows,
    check_many_sizes,
    check_random_uploads,
    check_single_precision,
    check_ties,
    run,
)
from tests.defenses.uploads import MORE

SCORES = pytest.mark.parametrize("score", ["paper", "original"])


@MORE
@given(data=st.data())
def test_equals_the_oracle(data):
    check_random_uploads("krum", data)


@SCORES
@MORE
@given(data=st.data())
def test_of_equal_uploads_the_first_is_selected(score, data):
    check_ties("krum", score, data)


@SCORES
@pytest.mark.parametrize("largest", [60, pytest.param(300, marks=pytest.mark.slow)])
def test_items_with_few_and_with_many_uploads(score, largest):
    check_many_sizes("krum", score, largest)


@pytest.mark.parametrize("scope", ["per_item", "whole_update"])
def test_equal_rows(scope):
    check_equal_rows("krum", scope)


@SCORES
@pytest.mark.parametrize(("share", "length"), [(0.03, 1e4), (0.1, 1e12)])
def test_in_single_precision_one_huge_row_changes_no_choice_among_the_others(score, share, length):
    check_single_precision("krum", score, share, length)


@pytest.mark.parametrize(("share", "score", "accepted"), [(0.0, "paper", 2), (0.4, "paper", 1), (0.2, "original", 1)])
def test_the_upload_that_is_closest_to_most_others_counts_n_times(share, score, accepted):
    """Of 0, 1, 3, 7 and 100, the scores with f = 0 are 111, 108, 106, 110, 389, those with f = 2 are 11, 9, 9, 17, 289."""
    aggregation = run(build("krum", share, score=score), [[0.0], [1.0], [3.0], [7.0], [100.0]])
    assert aggregation.accepted.nonzero().flatten().tolist() == [accepted]
    assert aggregation.gradient.items.tolist() == [[5.0 * [0, 1, 3, 7, 100][accepted]]]


@pytest.mark.parametrize(("fallback", "expected"), [("sum", 104.0), ("skip", 0.0)])
def test_with_too_few_uploads_it_falls_back(fallback, expected):
    """f = 1 of four uploads; the original needs five."""
    aggregation = run(build("krum", 0.25, fallback, "original"), [[0.0], [1.0], [3.0], [100.0]])
    assert aggregation.gradient.items.tolist() == [[expected]]
    assert aggregation.fell_back.tolist() == [0]
