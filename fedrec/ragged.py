"""Kernels on ragged data: E elements in S segments, of which segment s is offsets[s]:offsets[s + 1]. A round spends its time here.

Time and memory are linear in the elements, and results on the CPU are deterministic. There, `index_select` and NumPy's `repeat` are
several times as fast as indexing and `repeat_interleave`, and SciPy's compiled loops are faster than every scatter of torch.
"""

import warnings

import numpy as np
import torch
from scipy.sparse import csr_matrix
from scipy.sparse._sparsetools import csc_matvecs, csr_row_index  # a matrix of SciPy would be checked at every use, which costs as much
from torch import Tensor

SUM = 0  # as `torch.embedding_bag` numbers its modes; the checks of `torch.nn.functional` cost as much as a small sum
DENSE_BELOW = 4  # if one product in so many is wanted, all of them cost less than the wanted ones
FOLDED = 16  # values of which only the largest is compared at first


def silence_sparse_tensors() -> None:
    """Make the first CSR tensor here, because torch warns about the first one of a process, and show no warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.sparse_csr_tensor(
            torch.zeros(2, dtype=torch.int64), torch.zeros(0, dtype=torch.int64), torch.zeros(0), check_invariants=False
        )


def on_gpu(values: Tensor) -> bool:
    """Return whether values lie on a GPU, where NumPy and SciPy cannot reach them and torch's own kernels must do."""
    return values.is_cuda


def repeat_each(values: Tensor, sizes: Tensor) -> Tensor:
    """Repeat value s sizes[s] times; [..., S], [S] -> [..., E].

    >>> repeat_each(torch.tensor([5, 6]), torch.tensor([1, 2])).tolist()
    [5, 6, 6]
    """
    if on_gpu(values):
        return values.repeat_interleave(sizes, dim=-1)
    return torch.from_numpy(np.repeat(values.numpy(), sizes.numpy(), axis=-1))


def copy_rows(matrix: csr_matrix, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return offsets [C + 1], columns [E] and values [E] of some rows [C] of a matrix with 32-bit indices.

    >>> [part.tolist() for part in copy_rows(csr_matrix([[5.0, 0.0], [6.0, 7.0]]), torch.tensor([1]))]
    [[0, 2], [0, 1], [6.0, 7.0]]
    """
    chosen = rows.numpy().astype(np.int32)
    offsets = np.zeros(len(chosen) + 1, np.int32)
    np.cumsum(matrix.indptr[chosen + 1] - matrix.indptr[chosen], out=offsets[1:])
    columns, values = np.empty(offsets[-1], np.int32), np.empty(offsets[-1], matrix.dtype)
    csr_row_index(len(chosen), chosen, matrix.indptr, matrix.indices, matrix.data, columns, values)
    return torch.from_numpy(offsets), torch.from_numpy(columns), torch.from_numpy(values)


def segment_numbers(offsets: Tensor) -> Tensor:
    """Return the segment of each element; offsets [S + 1] -> [E] int32.

    >>> segment_numbers(torch.tensor([0, 1, 1, 3])).tolist()
    [0, 2, 2]
    """
    return repeat_each(torch.arange(len(offsets) - 1, dtype=torch.int32, device=offsets.device), offsets.diff())


def positions(marked: Tensor) -> Tensor:
    """Return where a mask is true; [n] bool -> [k] int64.

    >>> positions(torch.tensor([False, True, True])).tolist()
    [1, 2]
    """
    return marked.nonzero().flatten() if on_gpu(marked) else torch.from_numpy(np.flatnonzero(marked.numpy()))


def segment_products(left: Tensor, right: Tensor, offsets: Tensor, columns: Tensor) -> Tensor:
    """Return left[s] . right[columns[k]] for each element k of segment s; [S, d], [M, d], offsets [S + 1], columns [E] -> [E].

    >>> left, right = torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 1.0], [0.0, 1.0]])
    >>> segment_products(left, right, torch.tensor([0, 2]), torch.tensor([1, 0])).tolist()
    [2.0, 3.0]
    """
    if len(left) * len(right) <= DENSE_BELOW * len(columns):
        return (left @ right.T).flatten().index_select(0, segment_numbers(offsets) * len(right) + columns)
    if not len(columns):
        return left.new_zeros(0)
    zeros = left.new_zeros(len(columns))
    pattern = torch.sparse_csr_tensor(offsets, columns, zeros, (len(left), len(right)), check_invariants=False)
    products: Tensor = torch.sparse.sampled_addmm(pattern, left, right.T, beta=0.0, out=pattern).values()
    return products


def segment_sum(values: Tensor, pointers: Tensor, offsets: Tensor, weights: Tensor) -> Tensor:
    """Sum weights[k] * values[pointers[k]] over each segment; [D, d], [E], offsets [S + 1], [E] -> [S, d].

    >>> segment_sum(torch.eye(2), torch.tensor([0, 1, 1]), torch.tensor([0, 1, 3]), torch.ones(3)).tolist()
    [[1.0, 0.0], [0.0, 2.0]]
    """
    if not len(pointers):
        return values.new_zeros(len(offsets) - 1, values.shape[1])
    sums: Tensor = torch.embedding_bag(values, pointers, offsets, mode=SUM, per_sample_weights=weights, include_last_offset=True)[0]
    return sums


def scalar_segment_sum(values: Tensor, offsets: Tensor) -> Tensor:
    """Sum the numbers of each segment; [..., E], offsets [S + 1] -> [..., S].

    >>> scalar_segment_sum(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0, 1, 1, 3])).tolist()
    [1.0, 0.0, 5.0]
    """
    if on_gpu(values):
        return torch.segment_reduce(values.movedim(-1, 0).contiguous(), "sum", offsets=offsets.long(), initial=0.0).movedim(0, -1)
    limits, numbers = offsets.numpy(), values.numpy()
    starts, filled = limits[:-1], limits[:-1] < limits[1:]
    if filled.all() and len(starts):
        return torch.from_numpy(np.add.reduceat(numbers, starts, axis=-1))
    sums = np.zeros((*numbers.shape[:-1], len(starts)), numbers.dtype)
    sums[..., filled] = np.add.reduceat(numbers, starts[filled], axis=-1) if filled.any() else 0
    return torch.from_numpy(sums)


def column_scatter_sum(values: Tensor, columns: Tensor, n_columns: int) -> Tensor:
    """Sum values[:, k] over all k with the same column; [h, n], columns [n] -> [h, n_columns].

    >>> column_scatter_sum(torch.tensor([[1.0, 2.0, 4.0]]), torch.tensor([2, 0, 2]), 3).tolist()
    [[2.0, 0.0, 5.0]]
    """
    if on_gpu(values) or not len(columns):
        return values.new_zeros(len(values), n_columns).index_add_(1, columns, values)
    return torch.stack([torch.bincount(columns, row, n_columns) for row in values])


def scatter_sum(weights: Tensor, values: Tensor, offsets: Tensor, columns: Tensor, n_columns: int) -> Tensor:
    """Sum weights[k] * values[s] over all elements k, each of its segment s, with the same column.

    weights [E], values [S, d], offsets [S + 1], columns [E] -> [n_columns, d]

    >>> columns = torch.tensor([0, 1, 1], dtype=torch.int32)
    >>> scatter_sum(torch.ones(3), torch.tensor([[1.0], [5.0]]), torch.tensor([0, 2, 3], dtype=torch.int32), columns, 2).tolist()
    [[1.0], [6.0]]
    """
    if on_gpu(values):
        rows = weights[:, None] * values.repeat_interleave(offsets.diff(), 0)  # [E, d]
        return values.new_zeros(n_columns, values.shape[1]).index_add_(0, columns, rows)
    sums = values.new_zeros(n_columns, values.shape[1])
    parts = offsets.numpy(), columns.numpy(), weights.numpy(), values.numpy().ravel(), sums.numpy().ravel()
    csc_matvecs(n_columns, len(offsets) - 1, values.shape[1], *parts)
    return sums


def distinct(values: Tensor, bound: int) -> tuple[Tensor, Tensor]:
    """Return the distinct ones of whole numbers in 0..bound-1, and where each number stands among them; [n] -> [J] int64, [n] int32.

    >>> [part.tolist() for part in distinct(torch.tensor([7, 2, 7, 5]), 9)]
    [[2, 7, 5], [1, 0, 1, 2]]
    """
    if on_gpu(values):
        unique, places = values.unique(return_inverse=True)
        return unique.long(), places.int()
    numbers, positions = values.numpy(), np.arange(len(values), dtype=np.int32)
    last = np.empty(bound, np.int32)  # only where a value points is it ever written or read
    last[numbers] = positions  # NumPy keeps the last of repeated assignments
    owners = last[numbers]
    is_last = owners == positions
    return torch.from_numpy(numbers[is_last].astype(np.int64)), torch.from_numpy((is_last.cumsum(dtype=np.int32) - 1)[owners])


def lexicographic_order(first: Tensor, then: Tensor) -> Tensor:
    """Return the positions that sort by `first` and, where that is equal, by `then`; whole numbers >= 0, [n], [n] -> [n] int64.

    >>> lexicographic_order(torch.tensor([1, 0, 1]), torch.tensor([5, 5, 2])).tolist()
    [1, 2, 0]
    """
    order = _stable_order(then)
    return order.index_select(0, _stable_order(first.index_select(0, order)))


def _stable_order(keys: Tensor) -> Tensor:
    if on_gpu(keys):
        return keys.argsort(stable=True)
    largest = int(keys.max()) if len(keys) else 0
    narrow = keys.numpy().astype(np.uint16) if largest < 2**16 else keys.numpy()  # NumPy sorts 16 bits digit by digit
    return torch.from_numpy(narrow.argsort(kind="stable"))


def positions_of_largest(values: Tensor, n: int) -> Tensor:
    """Return the positions of the n largest values of each row, the largest first, of equal ones the first; [H, K] -> [H, n].

    >>> positions_of_largest(torch.tensor([[1.0, 3.0, 2.0, 3.0]]), 3).tolist()
    [[1, 3, 2]]
    """
    top = values.topk(n)
    if ((values < top.values[:, -1:]).logical_not_().sum(1) > n).any():  # topk takes any of equal values
        return values.sort(dim=1, descending=True, stable=True).indices[:, :n]
    positions = top.indices.sort(dim=1).values
    return positions.gather(1, values.gather(1, positions).sort(dim=1, descending=True, stable=True).indices)


def top_of_columns(values: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the k largest values of each column, largest first, and their rows; [M, B], k <= M -> 2 x [k, B].

    >>> largest, rows = top_of_columns(torch.tensor([[3.0], [1.0], [2.0]]), 2)
    >>> largest.tolist(), rows.tolist()
    ([[3.0], [2.0]], [[0], [2]])
    """
    n_groups = len(values) // FOLDED
    if n_groups <= k:
        largest, places = values.topk(k, dim=0)
        return largest, places
    folded, rest = values[: n_groups * FOLDED].view(FOLDED, n_groups, -1), values[n_groups * FOLDED :]
    groups = folded.amax(0).topk(k, dim=0).indices  # the k largest values lie in the k groups with the largest maxima, or in the rest
    candidates = folded.gather(1, groups.expand(FOLDED, -1, -1)).flatten(0, 1)  # [FOLDED * k, B]
    largest, places = torch.cat([candidates, rest]).topk(k, dim=0)
    from_groups = groups.gather(0, places % k) + n_groups * (places // k)
    return largest, torch.where(places < len(candidates), from_groups, places - len(candidates) + n_groups * FOLDED)
