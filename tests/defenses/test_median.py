"""The median against the oracle and by hand."""

from hypothesis import given
from hypothesis import strategies as st

from tests.defenses.robust_rules import build, check_equal_rows, check_many_sizes, check_random_uploads, check_ties, run
from tests.defenses.uploads import MORE


@MORE
@given(data=st.data())
def test_equals_the_oracle(data):
    check_random_uploads("median", data)


@MORE
@given(data=st.data())
def test_ties(data):
    check_ties("median", "original", data)


def test_items_with_few_and_with_many_uploads():
    check_many_sizes("median", "original", 300)


def test_equal_rows():
    check_equal_rows("median", "per_item")


def test_by_hand():
    """Coordinate by coordinate; of four values the mean of the two in the middle."""
    assert run(build("median", 0.0), [[1.0, 9.0], [2.0, -1.0], [30.0, 0.0]]).gradient.items.tolist() == [[6.0, 0.0]]
    assert run(build("median", 0.0), [[1.0], [2.0], [4.0], [30.0]]).gradient.items.tolist() == [[12.0]]
