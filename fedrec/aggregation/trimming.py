"""Medians and trimmed means of each coordinate, in loops that numba compiles; `GroupedUploads` imports this module when it needs them.

Rows [n, p] are sorted column by column, but whole rows are compared at once: a processor compares 16 numbers as fast as one.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedrec.aggregation.compiled_loops import Integers, Places, compiled

Rows = NDArray[np.floating[Any]]  # in the precision of the uploads


@compiled
def ascending(vectors: Rows, pointers: Places, coefficients: Rows) -> Rows:
    """Return coefficients [n] times the vectors that are pointed to, each coordinate in ascending order, [n, p].

    Batcher's network: Knuth, "The Art of Computer Programming", vol. 3, Algorithm 5.2.2M. Stretches of rows are compared with those that
    follow at a distance.
    """
    n, width = len(pointers), vectors.shape[1]
    rows = np.empty((n, width), vectors.dtype)
    for i in range(n):
        row, vector, coefficient = rows[i], vectors[pointers[i]], coefficients[i]
        for c in range(width):
            row[c] = coefficient * vector[c]
    values, half = rows.reshape(-1), 1
    while 2 * half < n:
        half *= 2
    stretch = half if n > 1 else 0
    while stretch:
        reach, first, distance = half, 0, stretch
        while distance:
            for start in range(first, n - distance, 2 * stretch):
                stop = min(start + stretch, n - distance)
                for low in range(np.uint64(start * width), np.uint64(stop * width)):
                    high = low + np.uint64(distance * width)
                    one, other = values[low], values[high]
                    values[low], values[high] = min(one, other), max(one, other)
            reach, first, distance = reach // 2, stretch, reach - stretch
        stretch //= 2
    return rows


@compiled
def medians(vectors: Rows, pointers: Places, coefficients: Rows, offsets: Integers) -> Rows:
    """Return the medians of each group, [J, p]: the mean of the two values in the middle, and 0 of none."""
    result = np.zeros((len(offsets) - 1, vectors.shape[1]), vectors.dtype)
    for group in range(len(result)):
        start, stop = offsets[group], offsets[group + 1]
        if start < stop:
            rows = ascending(vectors, pointers[start:stop], coefficients[start:stop])
            result[group] = (rows[(len(rows) - 1) // 2] + rows[len(rows) // 2]) / 2
    return result


@compiled
def trimmed_means(vectors: Rows, pointers: Places, coefficients: Rows, offsets: Integers, n_kept: Integers, around_median: bool) -> Rows:
    """Return the means of n_kept [J] values of each group, [J, p]: of those closest to the median or of those in the middle."""
    result = np.zeros((len(offsets) - 1, vectors.shape[1]), vectors.dtype)
    for group in range(len(result)):
        start, stop = offsets[group], offsets[group + 1]
        if n_kept[group]:
            rows = ascending(vectors, pointers[start:stop], coefficients[start:stop])
            trim(rows, n_kept[group], around_median)
            if len(rows) > 1:
                add_up(rows.reshape(-1), rows.shape[1], len(rows) - 1, rows.shape[1])
                rows[0] += rows[1]
            result[group] = rows[0] / n_kept[group]
    return result


@compiled
def trim(rows: Rows, n_kept: int, around_median: bool) -> None:
    """Set all but n_kept neighbours in each ascending column to 0; of two values equally far from the median the smaller is kept.

    Of a value and the one n_kept ranks above it at most one is kept: the closer one.
    """
    n, width = rows.shape
    n_below = np.full(width, (n - n_kept) // 2)
    if around_median:
        n_below[:], twice_median = 0, rows[(n - 1) // 2] + rows[n // 2]
        for rank in range(n - n_kept):
            for c in range(width):
                n_below[c] += rows[rank, c] + rows[rank + n_kept, c] < twice_median[c]
    for rank in range(n - n_kept):
        for c in range(width):
            rows[rank, c] *= rank >= n_below[c]
            rows[rank + n_kept, c] *= rank < n_below[c]


@compiled
def add_up(values: Rows, start: int, n: int, width: int) -> None:
    """Add up n rows that begin at `start` into the first of them, in pairs of sums as NumPy does, which loses fewer digits."""
    if n > 128:
        half = n // 16 * 8
        add_up(values, start, half, width)
        add_up(values, start + half * width, n - half, width)
        add(values, start, start + half * width, width)
        return
    whole = n - n % 8
    for row in range(8, whole, 8):
        add(values, start, start + row * width, 8 * width)
    for distance in (1, 2, 4):
        for row in range(0, min(whole, 8), 2 * distance):
            add(values, start + row * width, start + (row + distance) * width, width)
    for row in range(max(whole, 1), n):
        add(values, start, start + row * width, width)


@compiled
def add(values: Rows, to: int, start: int, n: int) -> None:
    """Add the n values from `start` on to those from `to` on."""
    for k in range(np.uint64(n)):
        values[np.uint64(to) + k] += values[np.uint64(start) + k]
