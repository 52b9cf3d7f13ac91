"""The search for numbers of accounts ends with neighbours of the grid, whatever the curve, and says what the tried numbers show."""

from itertools import pairwise
from math import isnan, nan

import pytest

from fedrec.auditing.account_search import Answer, answer, grid_of, limit_of, next_number

USERS = 1000
LIMIT, GRID = limit_of(USERS), grid_of(USERS)


def search(exposure, level=0.2, n_seeds=2):
    """The curve that a search for a level leaves, and the numbers in the order in which they were tried."""
    curve = {}
    while (number := next_number(curve, level, GRID, LIMIT, n_seeds)) is not None:
        assert number not in curve
        curve[number] = [exposure(number, seed) for seed in range(n_seeds)]
    return curve, list(curve)


@pytest.mark.parametrize("needed", [*GRID, 7, 33, 99])
def test_a_threshold_is_enclosed_by_neighbours(needed):
    curve, order = search(lambda number, seed: float(number >= needed))
    found = answer(curve, 0.2)
    above = next(number for number in GRID if number >= needed)
    assert order[0] == LIMIT and len(order) <= 5
    assert found.most == above and found.estimate <= above and found.at_most == (above == 1)
    if above == 1:
        assert isnan(found.least)
    else:
        assert GRID[GRID.index(above) - 1] == found.least


def test_never_and_always_reached():
    curve, order = search(lambda number, seed: 0.0)
    assert order == [50, 80, 100]
    never = answer(curve, 0.2)
    assert (never.least, never.tried, never.at_most) == (100, 100, False) and isnan(never.estimate) and isnan(never.most)
    always = answer(search(lambda number, seed: 1.0)[0], 0.2)
    assert (always.estimate, always.most, always.tried, always.at_most) == (1, 1, 50, True) and isnan(always.least)


def test_seeds_that_disagree_widen_the_answer():
    """One seed reaches the level with 5 accounts, the other with 30."""
    found = answer({3: [0.0, 0.0], 5: [0.3, 0.0], 12: [0.4, 0.1], 30: [0.9, 0.3]}, 0.2)
    assert (found.least, found.most) == (3, 30)
    assert 5 < found.estimate < 12


def test_a_curve_that_falls_again_is_no_bound():
    """With 50 accounts the attack fails: so no number is known from which on it always works."""
    curve = {20: [0.5, 0.5], 30: [0.5, 0.5], 50: [0.0, 0.0]}
    assert answer(curve, 0.2) == Answer(pytest.approx(nan, nan_ok=True), 20, pytest.approx(nan, nan_ok=True), 50, True)
    assert search(lambda number, seed: 0.5 * (number in (20, 30)))[1] == [50, 80, 100]


@pytest.mark.parametrize("users", [1, 2, 5, 19, 20, 100, 943, 3753, 6040, 10**6])
def test_the_grid_fits_the_users(users):
    grid = grid_of(users)
    assert grid == sorted(set(grid)) and grid[0] == 1 and limit_of(users) in grid
    assert grid[-1] == max(1, users // 10)
    assert len(grid) >= 5 or users < 90
    assert all(after >= 1.25 * before for before, after in pairwise(grid))
