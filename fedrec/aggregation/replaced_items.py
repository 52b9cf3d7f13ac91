"""The loop behind the server half of UNION: how far items lie apart after each client alone has replaced some of them.

Compiled as in `fedrec.aggregation.compiled_loops`. Distances have the precision of the items, and sums of them have float64.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedrec.aggregation.compiled_loops import Integers, Numbers, compiled

Floats = NDArray[Any]


@compiled
def add_distances(row: Floats, columns: Floats, squares: Floats, sums: Numbers) -> None:
    """Add the distances of a row [d] to those in columns [d, s] to sums [s]; squares [s] is room to work in."""
    squares[:] = 0
    paired = len(columns) // 2 * 2  # two columns at a time: the squares are read and written half as often
    for c in range(0, paired, 2):
        one, other, of_one, of_other = row[c], row[c + 1], columns[c], columns[c + 1]
        for j in range(len(squares)):
            squares[j] += (of_one[j] - one) ** 2 + (of_other[j] - other) ** 2
    for c in range(paired, len(columns)):
        for j in range(len(squares)):
            squares[j] += (columns[c, j] - row[c]) ** 2
    for j in range(len(squares)):
        sums[j] += np.sqrt(squares[j])


@compiled
def total_distances(items: Floats, places: Integers, rows: Floats, offsets: Integers) -> Numbers:
    """
    Return the sum of the distances between each two of s items [s, d] of which each client replaces some, [S].

    The rows [n, d] of client k are rows[offsets[k]:offsets[k + 1]]; row r takes the place of item places[r]. No client has a place twice.
    """
    n_clients, n_items, room = len(offsets) - 1, len(items), np.empty(len(items), items.dtype)
    columns, distances, totals = items.T.copy(), np.zeros((n_items, n_items)), np.zeros(n_clients)
    for j in range(n_items):
        add_distances(items[j], columns, room, distances[j])
    of_each = distances.sum(1)
    everything = of_each.sum() / 2
    for client in range(n_clients):
        start, stop = offsets[client], offsets[client + 1]
        own, sums = places[start:stop], np.zeros(n_items)
        of_client = rows[start:stop]
        own_columns, own_sums, own_room = of_client.T.copy(), np.zeros(len(own)), np.empty(len(own), items.dtype)
        gone = 0.0
        for i in range(len(own)):
            gone += of_each[own[i]]
            for k in range(i):
                gone -= distances[own[i], own[k]]
            add_distances(of_client[i], columns, room, sums)
            add_distances(of_client[i], own_columns, own_room, own_sums)
        for i in range(len(own)):
            sums[own[i]] = 0.0
        totals[client] = everything - gone + sums.sum() + own_sums.sum() / 2
    return totals
