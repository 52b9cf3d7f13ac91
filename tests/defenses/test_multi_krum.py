"""MultiKrum against the oracle, by hand, and in single precision."""

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
    check_random_uploads("multi_krum", data)


@SCORES
@MORE
@given(data=st.data())
def test_of_equal_uploads_the_first_is_selected(score, data):
    check_ties("multi_krum", score, data)


@SCORES
@pytest.mark.parametrize("largest", [60, pytest.param(300, marks=pytest.mark.slow)])
def test_items_with_few_and_with_many_uploads(score, largest):
    check_many_sizes("multi_krum", score, largest)


@pytest.mark.parametrize("scope", ["per_item", "whole_update"])
def test_equal_rows(scope):
    check_equal_rows("multi_krum", scope)


@SCORES
@pytest.mark.parametrize(("share", "length"), [(0.03, 1e4), (0.1, 1e12)])
def test_in_single_precision_one_huge_row_changes_no_choice_among_the_others(score, share, length):
    check_single_precision("multi_krum", score, share, length)


@pytest.mark.parametrize(("score", "accepted"), [("paper", [1, 2, 3, 4, 5]), ("original", [0, 1, 2, 3, 4, 5])])
def test_the_selected_uploads_are_added_up(score, accepted):
    """f = 1 of seven: the published code accepts n - 2f uploads, the paper n - f.

    With f = 1 the published score counts all distances, also that to the row at 100, which therefore draws it to larger numbers.
    """
    rows = [[0.0], [1.0], [2.0], [3.0], [4.0], [5.0], [100.0]]
    aggregation = run(build("multi_krum", 0.15, score=score), rows)
    assert aggregation.accepted.nonzero().flatten().tolist() == accepted
    assert aggregation.gradient.items.tolist() == [[float(sum(rows[number][0] for number in accepted))]]


@pytest.mark.parametrize(("score", "needed"), [("paper", 7), ("original", 5)])
def test_with_too_few_uploads_it_falls_back(score, needed):
    """f = 1: the published code needs 4f + 3 uploads, the paper 2f + 3."""
    for n in (needed - 1, needed):
        aggregation = run(build("multi_krum", 1 / n, "skip", score), [[float(number)] for number in range(n)])
        assert aggregation.fell_back.tolist() == [0] * (n < needed)
