"""The rule that decides checks: margins against their standard errors."""

import pytest

from experiments.analysis.claims.estimate import Estimate, strongest, together, weakest


def test_differences_have_the_error_of_both_sides():
    difference = Estimate(5, 3) - Estimate(1, 4)
    assert (difference.value, difference.error) == (4, 5)
    margin = 2 - 3 * Estimate(1, 0.5) + 10
    assert (margin.value, margin.error) == (9, 1.5)
    assert (Estimate(5, None) - Estimate(1, 4)).error == 4 and (Estimate(5) - Estimate(1)).error is None


def test_seeds_are_averaged():
    estimate = Estimate.of([0.1, 0.2, 0.6], 100)
    assert (estimate.value, estimate.error) == (pytest.approx(30), pytest.approx(15.28, abs=0.01))
    assert Estimate.of([0.1]).error is None


@pytest.mark.parametrize(
    ("value", "error", "verdict"),
    [
        *((2.1, 1, "holds"), (1.9, 1, "undecided"), (0, 1, "undecided"), (-1.9, 1, "undecided"), (-2.1, 1, "fails")),
        *((0.1, 0, "holds"), (0, 0, "fails")),  # seeds that agree
        *((0.1, None, "holds"), (-0.1, None, "fails"), (0, None, "fails")),  # a single seed
    ],
)
def test_a_margin_decides_if_it_is_larger_than_two_errors(value, error, verdict):
    assert Estimate(value, error).verdict == verdict


def test_of_several_margins_the_clearest_decides():
    fails, vague, holds = Estimate(-3, 1), Estimate(-5, 10), Estimate(9, 1)
    assert weakest([holds, vague, fails]) == fails and weakest([holds, vague]) == vague
    assert strongest([fails, vague, holds]) == holds and strongest([vague, fails]) == vague


def test_a_claim_fails_by_one_check_and_is_undecided_by_one():
    assert together(["holds", "undecided", "fails"]) == "fails"
    assert together(["holds", "undecided"]) == "undecided" and together(["holds", "holds"]) == "holds"
