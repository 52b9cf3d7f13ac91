"""Sums of signed numbers by client and bucket, in a loop that numba compiles; `CountSketch` imports this module when it needs it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedrec.aggregation.compiled_loops import Places, compiled

Rows = NDArray[np.floating[Any]]  # in the precision of the uploads


@compiled
def sums_by_bucket(
    shape: tuple[int, int],
    vectors: Rows,
    coefficients: Rows,
    signs: Rows,
    pointers: Places,
    senders: Places,
    items: Places,
    buckets: Places,
) -> Rows:
    """Return the sums by sender and bucket, in the given shape, of n rows, of which row k is coefficients[k] * vectors[pointers[k]].

    Row items[k] of the tables `signs` and `buckets` [M, p] says which sign and which bucket each of its numbers gets. vectors [D, p];
    coefficients, pointers, senders and items [n].
    """
    sums = np.zeros(shape, vectors.dtype)
    for k in range(len(pointers)):
        vector, coefficient, of_sender = vectors[pointers[k]], coefficients[k], sums[senders[k]]
        bucket, sign = buckets[items[k]], signs[items[k]]
        for c in range(len(vector)):
            of_sender[bucket[c]] += sign[c] * (coefficient * vector[c])
    return sums
