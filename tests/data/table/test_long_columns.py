"""Sorting by counting and looking up in parts equal NumPy on whole columns, however the parts fall."""

import numpy as np
import pytest

from fedrec.data.table import long_columns
from fedrec.data.table.long_columns import count, first_rows, grouped, look_up, repeated_pairs, sort_within

N_USERS, N_ITEMS = 9, 7


@pytest.fixture(params=[1, 4, 1000])
def columns(request, monkeypatch):
    """Return users [50], items [50] and times [50] with ties; parts have 1, 4 or all rows. User 0, the last one and others have no row."""
    monkeypatch.setattr(long_columns, "AT_ONCE", request.param)
    random = np.random.default_rng(request.param)
    users, items = random.integers(1, N_USERS - 1, 50).astype(np.int32), random.integers(0, N_ITEMS, 50).astype(np.int32)
    users[users == 4] = 3
    return users, items, random.integers(0, 6, 50)


def test_look_up_and_count(columns):
    users, items, _ = columns
    values = np.arange(N_ITEMS) * 1.5
    assert (look_up(values, items) == values[items]).all()
    assert (count(users, N_USERS) == np.bincount(users, minlength=N_USERS)).all()


@pytest.mark.parametrize("last", [0, 1, 5, 50])
def test_first_rows(columns, last):
    users, _, _ = columns
    order = [*range(last, 50), *range(last)]  # rows in the order that counts
    expected = [min((order.index(row) for row in range(50) if users[row] == user), default=None) for user in range(N_USERS)]
    found = first_rows(users, N_USERS, last)
    assert [None if row >= 100 else int(row) - last for row in found] == expected


def test_grouped_keeps_the_order_of_a_user_and_sort_within_that_of_equal_times(columns):
    users, items, times = columns
    order = users.argsort(kind="stable")
    offsets, their_items, their_times = grouped(users, N_USERS, items, times)
    assert (offsets == [0, *np.bincount(users, minlength=N_USERS).cumsum()]).all()
    assert (their_items == items[order]).all() and (their_times == times[order]).all()
    rows = grouped(users, N_USERS, np.arange(50, dtype=np.int32), times)
    sort_within(*rows)
    order = np.lexsort([times, users])
    assert (rows[1] == order).all() and (rows[2] == times[order]).all()


def test_repeated_pairs(columns):
    users, items, _ = columns
    pairs = list(zip(users.tolist(), items.tolist(), strict=True))
    assert repeated_pairs(users, items, N_USERS).tolist() == [row for row, pair in enumerate(pairs) if pairs.count(pair) > 1]
    assert len(repeated_pairs(np.array([0, 0, 1], np.int32), np.array([1, 2, 2], np.int32), 2)) == 0


def test_columns_without_rows():
    none = np.zeros(0, np.int32)
    assert count(none, 2).tolist() == [0, 0] and len(look_up(np.arange(3), none)) == 0
    assert [part.tolist() for part in grouped(none, 2, none, none)] == [[0, 0, 0], [], []]
