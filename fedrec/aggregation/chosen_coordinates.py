"""Scalar products between whole updates in some of their coordinates, in a loop that numba compiles; `dnc.py` imports it when it runs.

Most groups have a few dozen uploads, so what a loop costs to enter counts: eight coordinates are multiplied in one loop.
"""

import numpy as np
from numpy.typing import NDArray

from fedrec.aggregation.compiled_loops import Integers, Numbers, Places, compiled


@compiled
def products_of_chosen(
    vectors: Numbers,
    pointers: Places,
    coefficients: Numbers,
    offsets: Integers,
    chosen: NDArray[np.bool_],
    senders: Places,
    n: int,
) -> Numbers:
    """Return the scalar products between the updates of n senders, [n, n], in the coordinates chosen in each group, [J, p].

    The senders of a group ascend, so the half below the diagonal is summed, and then mirrored.
    """
    sums, products, room = np.zeros((n, n)), np.zeros(n), np.empty((vectors.shape[1] + 7, n))
    for group in range(len(offsets) - 1):
        start, stop = offsets[group], offsets[group + 1]
        columns, of_group = np.flatnonzero(chosen[group]).astype(np.uint64), senders[start:stop]
        values = room[: (len(columns) + 7) // 8 * 8]
        values[len(columns) :] = 0
        for i in range(stop - start):
            vector, coefficient = vectors[pointers[start + i]], coefficients[start + i]
            for c in range(len(columns)):
                values[c, i] = coefficient * vector[columns[c]]
        for i in range(stop - start):
            for c in range(0, len(values), 8):
                r, s, t, u = values[c], values[c + 1], values[c + 2], values[c + 3]
                v, w, x, y = values[c + 4], values[c + 5], values[c + 6], values[c + 7]
                r_i, s_i, t_i, u_i, v_i, w_i, x_i, y_i = r[i], s[i], t[i], u[i], v[i], w[i], x[i], y[i]
                for k in range(i + 1):
                    products[k] += r_i * r[k] + s_i * s[k] + t_i * t[k] + u_i * u[k] + v_i * v[k] + w_i * w[k] + x_i * x[k] + y_i * y[k]
            sums_of_one = sums[of_group[i]]
            for k in range(i + 1):
                sums_of_one[of_group[k]] += products[k]
                products[k] = 0
    for i in range(n):
        for k in range(i):
            sums[k, i] = sums[i, k]
    return sums
