"""Bulyan against the oracle, by hand, and in single precision."""

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
    check_random_uploads("bulyan", data)


@SCORES
@MORE
@given(data=st.data())
def test_of_equal_uploads_the_first_is_selected(score, data):
    check_ties("bulyan", score, data)


@SCORES
@pytest.mark.parametrize("largest", [60, pytest.param(300, marks=pytest.mark.slow)])
def test_items_with_few_and_with_many_uploads(score, largest):
    check_many_sizes("bulyan", score, largest)


@pytest.mark.parametrize("scope", ["per_item", "whole_update"])
def test_equal_rows(scope):
    check_equal_rows("bulyan", scope)


@SCORES
@pytest.mark.parametrize(("share", "length"), [(0.03, 1e4), (0.1, 1e12)])
def test_in_single_precision_one_huge_row_changes_no_choice_among_the_others(score, share, length):
    check_single_precision("bulyan", score, share, length)


def test_the_selected_uploads_are_trimmed():
    """f = 1 of seven: five are selected, and of these the three closest to their median count."""
    aggregation = run(build("bulyan", 0.15), [[0.0], [1.0], [2.0], [3.5], [4.5], [9.0], [100.0]])
    assert aggregation.accepted.tolist() == [False] + [True] * 5 + [False]
    assert aggregation.gradient.items[0].tolist() == pytest.approx([5 * (2 + 3.5 + 4.5) / 3])


@pytest.mark.parametrize(("fallback", "expected"), [("sum", 15.0), ("skip", 0.0)])
def test_with_too_few_uploads_it_falls_back(fallback, expected):
    """f = 1 of six uploads; it needs 4f + 3."""
    aggregation = run(build("bulyan", 0.17, fallback), [[float(number)] for number in range(6)])
    assert aggregation.gradient.items[0].tolist() == pytest.approx([expected])
    assert aggregation.fell_back.tolist() == [0]
