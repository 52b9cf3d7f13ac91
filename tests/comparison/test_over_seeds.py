"""Means and standard errors against the statistics module; which of several means is marked."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedrec.comparison.over_seeds import OverSeeds, best, standard_error

VALUES = st.lists(st.floats(0, 1), min_size=2, max_size=12)


@given(VALUES)
def test_mean_and_standard_error(values: list[float]) -> None:
    centre = math.fsum(values) / len(values)
    squares = math.fsum((value - centre) ** 2 for value in values)
    assert OverSeeds(dict(enumerate(values))).mean == pytest.approx(centre, abs=1e-15)
    assert standard_error(values) == pytest.approx(math.sqrt(squares / (len(values) - 1) / len(values)), abs=1e-12)


def test_equal_seeds_have_no_error_at_all() -> None:
    """A mean that is rounded twice would leave one of 1e-17, and nothing would be called equal."""
    assert standard_error([0.1, 0.1, 0.1]) == 0.0


def test_one_seed_has_no_error() -> None:
    assert OverSeeds({"0": 0.5}).error is None and standard_error([0.5]) is None


@given(st.lists(VALUES, min_size=1, max_size=5), st.booleans())
def test_what_is_marked(columns: list[list[float]], highest: bool) -> None:
    """The best mean and those within a standard error of the difference; nobody if that would be everybody."""
    candidates = [OverSeeds(dict(enumerate(column))) for column in columns]
    means, errors = [statistics.fmean(column) for column in columns], [standard_error(column) or 0.0 for column in columns]
    top = means.index(max(means) if highest else min(means))
    near = [abs(means[i] - means[top]) <= math.sqrt(errors[i] ** 2 + errors[top] ** 2) for i in range(len(means))]
    borderline = any(
        math.isclose(abs(means[i] - means[top]), math.sqrt(errors[i] ** 2 + errors[top] ** 2), abs_tol=1e-12)
        for i in range(len(means))
        if i != top
    )
    if not borderline:
        assert best(candidates, highest) == ([False] * len(near) if all(near) else near)


def test_a_setting_without_a_value_is_never_the_best() -> None:
    assert best([OverSeeds({}), OverSeeds({0: 0.2}), OverSeeds({0: 0.1})], highest=True) == [False, True, False]
    assert best([OverSeeds({}), OverSeeds({})], highest=True) == [False, False]
