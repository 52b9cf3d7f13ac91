"""The loops over pairs of uploads, which numba compiles to machine code: no operation of torch selects one upload after another.

Compiling takes eight seconds, once: the code is kept in `__pycache__`, or else in the user's cache folder, until this file changes. To
import numba takes a third of a second, so what needs these loops imports this module when it runs. Numbers are float64: in single
precision small distances would be lost.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

Loop = TypeVar("Loop", bound=Callable[..., Any])
Numbers = NDArray[np.float64]
Integers = NDArray[np.int64]
Places = NDArray[np.uint64]  # an index that cannot be negative is not looked at twice


def compiled(loop: Loop) -> Loop:
    """Compile a function when it is first called; in every process anew if there is no folder to keep the code in."""
    try:
        return cast(Loop, njit(cache=True)(loop))
    except RuntimeError:
        return cast(Loop, njit(loop))


class Uploads(NamedTuple):
    """What the loops read of `GroupedUploads`."""

    vectors: Numbers  # [D, p]
    pointers: Places  # [N]
    coefficients: Numbers  # [N]
    offsets: Integers  # [J + 1]
    products: Numbers  # [D, D] scalar products between the vectors; [0, 0]: each group makes its own
    single: bool  # whether the uploads are in single precision


@compiled
def matrix_product(left: Numbers, right: Numbers) -> Numbers:
    """Return left [n, p] times right [p, m], [n, m]; by one thread, in the same order everywhere, and symmetric to the bit if it can be."""
    product = np.zeros((len(left), right.shape[1]))
    for i in range(len(left)):
        for c in range(len(right)):
            factor, row, sums = left[i, c], right[c], product[i]
            for k in range(len(row)):
                sums[k] += factor * row[k]
    return product


@compiled
def factors_of(uploads: Uploads, group: int) -> tuple[Numbers, Places, Numbers]:
    """Return [D, D] products between vectors, and of the n uploads of a group which vectors they are [n] times which numbers [n]."""
    start, stop = uploads.offsets[group], uploads.offsets[group + 1]
    pointers, coefficients = uploads.pointers[start:stop], uploads.coefficients[start:stop]
    if len(uploads.products):
        return uploads.products, pointers, coefficients
    vectors = uploads.vectors[pointers]
    return matrix_product(vectors, vectors.T.copy()), np.arange(len(pointers)).astype(np.uint64), coefficients


@compiled
def distances_of(uploads: Uploads, group: int, squared: bool) -> Numbers:
    """Return the distances between the n uploads of a group, squared or not, [n, n]; 0 between equal ones and to oneself.

    In the end they are rounded to the precision of the uploads: sums of such numbers are exact, so the order of uploads plays no part.
    """
    products, pointers, coefficients = factors_of(uploads, group)
    n = len(pointers)
    distances, squares = np.empty((n, n)), np.empty(n)
    for i in range(n):
        squares[i] = coefficients[i] * coefficients[i] * products[pointers[i], pointers[i]]
    for i in range(n):
        to_all, row, square, twice = distances[i], products[pointers[i]], squares[i], 2 * coefficients[i]
        for k in range(n):
            to_all[k] = max(square + squares[k] - twice * coefficients[k] * row[pointers[k]], 0.0)
        if not squared:
            np.sqrt(to_all, to_all)
        if uploads.single:
            for k in range(n):
                to_all[k] = np.float32(to_all[k])
    return distances


@compiled
def diameters(uploads: Uploads) -> Numbers:
    """Return the largest distance between two uploads of each group, [J]; 0 for a single one."""
    largest = np.zeros(len(uploads.offsets) - 1)
    for group in range(len(largest)):
        products, pointers, coefficients = factors_of(uploads, group)
        n = len(pointers)
        squares, found = np.empty(n), np.zeros(n)
        for i in range(n):
            squares[i] = coefficients[i] * coefficients[i] * products[pointers[i], pointers[i]]
        for i in range(n):
            row, square, twice = products[pointers[i]], squares[i], 2 * coefficients[i]
            for k in range(i):
                found[k] = max(found[k], square + squares[k] - twice * coefficients[k] * row[pointers[k]])
        largest[group] = found.max()
    return np.sqrt(largest)


@compiled
def krum_scores(distances: Numbers, n_left_out: int) -> tuple[Numbers, Numbers]:
    """Return the sum of each upload's distances but for the n_left_out largest ones, and the least of these (infinite if none); 2 x [n].

    The largest distances so far are kept in order. What falls out when the next one comes is counted.
    """
    n = len(distances)
    scores, largest, falling = np.zeros(n), np.zeros((n_left_out, n)), np.empty(n)
    for k in range(n):
        falling[:] = distances[k]  # to upload k, from each
        for place in range(n_left_out):
            kept = largest[place]
            for i in range(n):
                one, other = falling[i], kept[i]
                falling[i], kept[i] = min(one, other), max(one, other)
        for i in range(n):
            scores[i] += falling[i]
    return scores, largest[-1] if n_left_out else np.full(n, np.inf)


@compiled
def repeat_krum(distances: Numbers, n_left_out: int, n_selected: int) -> NDArray[np.bool_]:
    """Select the upload with the least score, of equals the first, put it aside, score the others anew, and so on; [n].

    Nothing is sorted anew: when an upload is put aside, the score of each other loses one distance. Put aside, it has an infinite score.
    """
    n, selected = len(distances), np.zeros(len(distances), np.bool_)
    scores, farthest = krum_scores(distances, n_left_out)
    for step in range(n_selected):
        if step >= n - n_left_out - 2:  # the distance to the nearest other counts, as long as two uploads are left
            scores[:] = np.inf
            for i in range(n):
                for k in range(n):
                    if i != k and not (selected[i] or selected[k]):
                        scores[i] = min(scores[i], distances[i, k])
        best = np.argmin(scores)
        selected[best], scores[best], farthest[best] = True, np.inf, np.inf
        for i in range(n):
            lost = distances[best, i]
            if lost >= farthest[i]:  # the score left it out: it loses the largest distance that it counted
                lost = farthest[i] = largest_of(distances[i], selected, n_left_out, farthest[i])
            scores[i] -= lost
    return selected


@compiled
def largest_of(distances: Numbers, selected: NDArray[np.bool_], rank: int, before: float) -> float:
    """Return the largest distance [n] but rank - 1 to an upload that is not selected, if it is `before` or the next smaller one."""
    n_above, below = 0, -np.inf
    for k in range(len(distances)):
        if not selected[k]:
            if distances[k] >= before:
                n_above += 1
            elif distances[k] > below:
                below = distances[k]
    return before if n_above >= rank else below


@compiled
def select(uploads: Uploads, n_selected: Integers, n_left_out: Integers, squared: bool, repeated: bool) -> NDArray[np.bool_]:
    """Return which uploads Krum selects, [N]: n_selected [J] of each group, by scores that leave n_left_out [J] distances out."""
    accepted = np.zeros(len(uploads.pointers), np.bool_)
    for group in range(len(n_selected)):
        of_group = accepted[uploads.offsets[group] : uploads.offsets[group + 1]]
        if n_selected[group] in (0, len(of_group)):
            of_group[:] = n_selected[group] > 0
            continue
        distances = distances_of(uploads, group, squared)
        if repeated:
            of_group[:] = repeat_krum(distances, n_left_out[group], n_selected[group])
        else:
            scores, _ = krum_scores(distances, n_left_out[group])
            of_group[np.argsort(scores, kind="mergesort")[: n_selected[group]]] = True
    return accepted


@compiled
def nearest_to_each(distances: Numbers, n_nearest: int) -> Numbers:
    """Return 1 for the n_nearest uploads to each, of equally near ones the first, and 0 for the others, [who, to whom]."""
    n = len(distances)
    near, n_alike, (_, farthest) = np.zeros((n, n)), np.full(n, n_nearest), krum_scores(distances, n - n_nearest)
    for k in range(n):
        for i in range(n):
            n_alike[i] -= distances[k, i] < farthest[i]
    for k in range(n):
        for i in range(n):
            alike = distances[k, i] == farthest[i] and n_alike[i] > 0
            near[k, i] = alike or distances[k, i] < farthest[i]
            n_alike[i] -= alike
    return near


@compiled
def mix(uploads: Uploads, n_mixed: Integers) -> Numbers:
    """Return the mean of the n_mixed [J] uploads nearest to each, itself included, of equally near ones the first; [N, p]."""
    means = np.empty((len(uploads.pointers), uploads.vectors.shape[1]))
    for group in range(len(n_mixed)):
        start, stop = uploads.offsets[group], uploads.offsets[group + 1]
        rows = uploads.vectors[uploads.pointers[start:stop]] * uploads.coefficients[start:stop].reshape(-1, 1)
        near = nearest_to_each(distances_of(uploads, group, True), n_mixed[group])
        means[start:stop] = matrix_product(near.T.copy(), rows) / n_mixed[group]
    return means


@compiled
def products_of_senders(uploads: Uploads, senders: Integers, n: int) -> Numbers:
    """Return the sums of the products between the uploads of each two of n senders, over all groups, [n, n]; senders [N]."""
    sums = np.zeros((n, n))
    for group in range(len(uploads.offsets) - 1):
        products, pointers, coefficients = factors_of(uploads, group)
        of_group = senders[uploads.offsets[group] : uploads.offsets[group + 1]]
        for i in range(len(pointers)):
            for k in range(len(pointers)):
                product = coefficients[i] * coefficients[k] * products[pointers[i], pointers[k]]
                sums[of_group[i], of_group[k]] += product
    return sums
