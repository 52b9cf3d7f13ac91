"""Columns with a number for each row, in little memory: NumPy and SciPy would make 64 bits of every number at once, or sort them.

Rows are looked at in parts, and sorted by counting.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse._sparsetools import coo_tocsr  # the public way adds up what a user has twice

Numbers = NDArray[np.int32]
Rows = NDArray[np.int32]

AT_ONCE = 1 << 20  # rows


def parts_of(n_rows: int) -> Iterator[slice]:
    """Yield the parts of so many rows, in order."""
    for start in range(0, n_rows, AT_ONCE):
        yield slice(start, min(start + AT_ONCE, n_rows))


def look_up(values: NDArray[Any], numbers: Numbers) -> NDArray[Any]:
    """Return the value of each number; [n], [I] -> [I]."""
    found = np.empty(len(numbers), values.dtype)
    for part in parts_of(len(numbers)):
        found[part] = values[numbers[part]]
    return found


def count(numbers: Numbers, n: int) -> NDArray[np.int64]:
    """Return how often each of the numbers 0..n-1 occurs, [I] -> [n]."""
    counts = np.zeros(n, np.int64)
    for part in parts_of(len(numbers)):
        counts += np.bincount(numbers[part], minlength=n)
    return counts


def first_rows(numbers: Numbers, n: int, last: int) -> NDArray[np.int64]:
    """Return the row where each number occurs first, [n], the number of rows or more where it does not.

    The first `last` rows count as the last ones, in their order.

    >>> first_rows(np.array([4, 2, 4, 0], np.int32), 5, 1).tolist()
    [3, 8, 1, 8, 2]
    """
    n_rows = len(numbers)
    first = np.full(n, 2 * n_rows)
    first[numbers[:last][::-1]] = np.arange(n_rows, n_rows + min(last, n_rows))[::-1]  # of equal ones NumPy keeps the last
    for part in reversed(list(parts_of(n_rows))):
        rows = np.arange(part.start, part.stop)[max(0, last - part.start) :]
        first[numbers[rows][::-1]] = rows[::-1]
    return first


def grouped(users: Numbers, n_users: int, items: Numbers, values: NDArray[Any]) -> tuple[Rows, Numbers, NDArray[Any]]:
    """Sort rows by user; the order within a user stays. Return where each user begins [U + 1], the items [I] and the values [I].

    >>> [part.tolist() for part in grouped(np.array([1, 0, 1], np.int32), 2, np.array([7, 8, 9], np.int32), np.array([0.5, 1, 2]))]
    [[0, 1, 3], [8, 7, 9], [1.0, 0.5, 2.0]]
    """
    offsets, their_items, their_values = np.empty(n_users + 1, np.int32), np.empty_like(items), np.empty_like(values)
    coo_tocsr(n_users, 1, len(users), users, items, values, offsets, their_items, their_values)
    return offsets, their_items, their_values


def repeated_pairs(users: Numbers, items: Numbers, n_users: int) -> Rows:
    """Return the rows whose pair of user and item has several, ascending.

    >>> repeated_pairs(np.array([0, 1, 0, 0], np.int32), np.array([5, 5, 6, 5], np.int32), 2).tolist()
    [0, 3]
    """
    offsets, their_items, rows = grouped(users, n_users, items, np.arange(len(users), dtype=np.int32))
    matrix = csr_matrix((rows, their_items, offsets), shape=(n_users, int(items.max(initial=0)) + 1), copy=False)
    matrix.sort_indices()
    equal = matrix.indices[1:] == matrix.indices[:-1]
    equal[offsets[1:-1][(offsets[1:-1] > 0) & (offsets[1:-1] < len(users))] - 1] = False  # the next row is another user's
    several = np.zeros(len(users), bool)
    several[1:] |= equal
    several[:-1] |= equal
    found: Rows = np.sort(matrix.data[several])
    return found


def sort_within(offsets: Rows, items: Numbers, times: NDArray[Any]) -> None:
    """Sort the rows of each user by time, in place; at equal times their order stays."""
    cuts = np.searchsorted(offsets, np.arange(0, len(items), AT_ONCE))  # the users at which a part begins
    for first, last in zip(cuts, [*cuts[1:], len(offsets) - 1], strict=True):
        rows = slice(offsets[first], offsets[last])
        users = np.arange(first, last, dtype=np.int32).repeat(np.diff(offsets[first : last + 1]))
        if not ((np.diff(users) == 0) & (times[rows][1:] < times[rows][:-1])).any():
            continue
        order = np.lexsort([times[rows], users])
        items[rows], times[rows] = items[rows][order], times[rows][order]
