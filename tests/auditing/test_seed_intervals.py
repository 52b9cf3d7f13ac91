"""One more seed lies within the bounds as often as they say."""

import random

import pytest

from fedrec.auditing.seed_intervals import COVERAGE, interval, share_interval


@pytest.mark.parametrize("n", [2, 3, 5, 12, 30])
def test_bounds_hold_one_more_normal_value(n):
    chance, held, repetitions = random.Random(n), 0, 4000
    for _ in range(repetitions):
        *seen, new = (chance.gauss(0, 1) for _ in range(n + 1))
        low, high = interval(seen, -100, 100)
        held += low <= new <= high
    assert held / repetitions == pytest.approx(COVERAGE, abs=0.02)


def test_a_single_seed_bounds_nothing():
    assert interval([0.3], -1.0, 1.0) == (-1.0, 1.0) and share_interval([0.3], 100) == (0.0, 1.0)


def test_shares_of_few_users_are_uncertain_even_if_seeds_agree():
    few, many = (share_interval([0.0, 0.0, 0.0], users) for users in (50, 5000))
    assert few[0] == many[0] == 0.0 and 0 < many[1] < 0.01 < few[1]
    low, high = share_interval([0.2, 0.2], 1000)
    assert 0 < low < 0.2 < high < 1
