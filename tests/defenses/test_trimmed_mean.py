"""The trimmed mean against the oracle and by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.defenses.robust_rules import build, check_equal_rows, check_many_sizes, check_random_uploads, check_ties, run
from tests.defenses.uploads import MORE


@MORE
@given(data=st.data())
def test_equals_the_oracle(data):
    check_random_uploads("trimmed_mean", data)


@pytest.mark.parametrize("score", ["paper", "original"])
@MORE
@given(data=st.data())
def test_ties(score, data):
    check_ties("trimmed_mean", score, data)


@pytest.mark.parametrize("score", ["paper", "original"])
def test_items_with_few_and_with_many_uploads(score):
    check_many_sizes("trimmed_mean", score, 300)


def test_equal_rows():
    check_equal_rows("trimmed_mean", "per_item")


@pytest.mark.parametrize(("score", "mean"), [("paper", (0 + 1 + 3 + 7) / 4), ("original", (1 + 3 + 7) / 3)])
def test_by_hand(score, mean):
    """f = 1 of five: the published code leaves out the value farthest from the median, the paper the smallest and the largest."""
    aggregation = run(build("trimmed_mean", 0.2, score=score), [[0.0], [1.0], [3.0], [7.0], [100.0]])
    assert aggregation.gradient.items[0].tolist() == pytest.approx([5 * mean])


@pytest.mark.parametrize(("fallback", "expected"), [("sum", 101.0), ("skip", 0.0)])
def test_with_too_few_uploads_the_original_falls_back(fallback, expected):
    """f = 1 of two uploads; it needs 2f + 1."""
    aggregation = run(build("trimmed_mean", 0.5, fallback, "original"), [[1.0], [100.0]])
    assert aggregation.gradient.items.tolist() == [[expected]]
    assert aggregation.fell_back.tolist() == [0]
