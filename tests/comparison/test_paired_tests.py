"""Tests over seeds against plain loops: all sign flips for Wilcoxon, the density of t by Simpson's rule, Holm step by step."""

import itertools
import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedrec.comparison.over_seeds import OverSeeds
from fedrec.comparison.paired_tests import holm, paired_test

CENTS = st.integers(-20, 20).map(lambda value: value / 64)  # exact differences, with ties and zeros


def settings(differences: list[float]) -> tuple[OverSeeds, OverSeeds]:
    """Return two settings with these differences on their common seeds, and a seed more each."""
    reference = dict.fromkeys(range(len(differences)), 0.5)
    one = {seed: 0.5 + difference for seed, difference in enumerate(differences)}
    return OverSeeds(one | {"own": 0.9}), OverSeeds(reference | {"other": 0.1})


def wilcoxon(differences: list[float]) -> float:
    """Return the share of all sign flips whose sum of ranks lies at least as far from its mean."""
    nonzero = [one for one in differences if one]
    ordered = sorted(map(abs, nonzero))
    ranks = [ordered.index(abs(one)) + (ordered.count(abs(one)) + 1) / 2 for one in nonzero]
    centre = sum(ranks) / 2
    reached = abs(sum(rank for rank, one in zip(ranks, nonzero, strict=True) if one > 0) - centre)
    flips = list(itertools.product((0, 1), repeat=len(ranks)))
    return sum(abs(sum(rank * flip for rank, flip in zip(ranks, signs, strict=True)) - centre) >= reached - 1e-9 for signs in flips) / len(
        flips
    )


def student(differences: list[float]) -> float:
    n = len(differences)
    t = abs(statistics.fmean(differences)) / (statistics.stdev(differences) / math.sqrt(n))
    freedom, steps = n - 1, 4000
    scale = math.gamma((freedom + 1) / 2) / math.sqrt(freedom * math.pi) / math.gamma(freedom / 2)

    def density(angle: float) -> float:  # x = tan(angle), so that the tail ends
        return scale * (1 + math.tan(angle) ** 2 / freedom) ** (-(freedom + 1) / 2) / math.cos(angle) ** 2

    width = math.atan(t) / steps
    weights = [1, *(4 if step % 2 else 2 for step in range(1, steps)), 1]
    return 1 - 2 * width / 3 * sum(weight * density(step * width) for step, weight in enumerate(weights))


@given(st.lists(CENTS, min_size=6, max_size=9).filter(any))
def test_from_six_pairs_on_it_is_wilcoxon(differences: list[float]) -> None:
    test = paired_test(*settings(differences))
    assert (test.name, test.pairs) == ("Wilcoxon", len(differences))
    assert test.p == pytest.approx(wilcoxon(differences))
    assert test.difference == pytest.approx(statistics.fmean(differences))


@given(st.lists(CENTS, min_size=2, max_size=5).filter(lambda found: len(set(found)) > 1))
def test_with_fewer_pairs_it_is_t(differences: list[float]) -> None:
    test = paired_test(*settings(differences))
    assert (test.name, test.pairs) == ("t", len(differences))
    assert test.p == pytest.approx(student(differences), abs=1e-6)
    assert test.error == pytest.approx(statistics.stdev(differences) / math.sqrt(len(differences)))


@pytest.mark.parametrize(
    ("differences", "name", "p", "reason"),
    [
        ([], "", None, "fewer than two seeds in common"),
        ([0.5], "", None, "fewer than two seeds in common"),
        ([0.0, 0.0], "all equal", 1.0, ""),
        ([0.0] * 7, "all equal", 1.0, ""),
        ([0.25, 0.25, 0.25], "", None, "the difference is the same for every seed, which a t-test cannot judge"),
    ],
)
def test_what_cannot_be_tested(differences: list[float], name: str, p: float | None, reason: str) -> None:
    test = paired_test(*settings(differences))
    assert (test.name, test.p, test.reason, test.pairs) == (name, p, reason, len(differences))


def test_many_pairs() -> None:
    """Beyond 13 pairs scipy's own choice is taken; all signs equal is 2 of 2^20."""
    assert paired_test(*settings([(1 + place) / 64 for place in range(20)])).p == pytest.approx(2**-19)


@given(st.lists(st.floats(0, 1) | st.none(), max_size=8))
def test_holm(p_values: list[float | None]) -> None:
    """A corrected p-value is the smallest level at which the step-down procedure rejects."""
    known = sorted(p for p in p_values if p is not None)
    for p, corrected in zip(p_values, holm(p_values), strict=True):
        if p is None:
            assert corrected is None
            continue
        steps = [min(1.0, (len(known) - rank) * value) for rank, value in enumerate(known)]
        levels = [max(steps[: rank + 1]) for rank, value in enumerate(known) if value == p]
        assert corrected == pytest.approx(levels[0]) or corrected == pytest.approx(levels[-1])
        assert corrected is not None and corrected >= p
