"""Ragged sums and products: the three kernels that a round spends its time in.

All of them cost time and memory linear in the pairs touched and are deterministic on the CPU.
"""

import warnings

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor
from torch.nn.functional import embedding_bag

torch.sparse.check_sparse_tensor_invariants.disable()  # said explicitly, or torch warns at the first use
warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")

DENSE_BELOW = 4  # all products are cheaper than the wanted ones where at least one in so many is wanted


def segment_products(left: Tensor, right: Tensor, offsets: Tensor, columns: Tensor) -> Tensor:
    """left[s] . right[columns[k]] for every pair k of segment s; [S, d], [M, d], offsets [S + 1], columns [E] -> [E].

    >>> left, right = torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 1.0], [0.0, 1.0]])
    >>> segment_products(left, right, torch.tensor([0, 2]), torch.tensor([1, 0])).tolist()
    [2.0, 3.0]
    """
    if len(left) * len(right) <= DENSE_BELOW * len(columns):
        rows = torch.arange(len(left), dtype=torch.int32, device=left.device).repeat_interleave(offsets.diff(), output_size=len(columns))
        return (left @ right.T).flatten()[rows * len(right) + columns]
    if not len(columns):
        return left.new_zeros(0)
    pattern = torch.sparse_csr_tensor(offsets, columns, left.new_zeros(len(columns)), (len(left), len(right)))
    return torch.sparse.sampled_addmm(pattern, left, right.T, beta=0.0).values()


def segment_sum(values: Tensor, pointers: Tensor, offsets: Tensor, weights: Tensor) -> Tensor:
    """Sum of weights[k] * values[pointers[k]] over each segment; [D, d], [E], offsets [S + 1], [E] -> [S, d].

    >>> segment_sum(torch.eye(2), torch.tensor([0, 1, 1]), torch.tensor([0, 1, 3]), torch.ones(3)).tolist()
    [[1.0, 0.0], [0.0, 2.0]]
    """
    if not len(pointers):
        return values.new_zeros(len(offsets) - 1, values.shape[1])
    return embedding_bag(pointers, values, offsets, mode="sum", per_sample_weights=weights, include_last_offset=True)


def scalar_segment_sum(values: Tensor, offsets: Tensor) -> Tensor:
    """Sum of the numbers of each segment; [E], offsets [S + 1] -> [S].

    >>> scalar_segment_sum(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0, 1, 1, 3])).tolist()
    [1.0, 0.0, 5.0]
    """
    return torch.segment_reduce(values, "sum", offsets=offsets.long(), initial=0.0)


def transpose(offsets: Tensor, columns: Tensor, n_columns: int) -> tuple[Tensor, Tensor, Tensor]:
    """The pairs of S segments in the order of their columns (stable); offsets [S + 1], columns [E], int32.

    Returns the order [E], each pair's segment in that order [E] and where each column starts [n_columns + 1], int32.

    >>> offsets, columns = torch.tensor([0, 2, 3], dtype=torch.int32), torch.tensor([2, 0, 2], dtype=torch.int32)
    >>> [part.tolist() for part in transpose(offsets, columns, 3)]
    [[1, 0, 2], [0, 0, 1], [0, 1, 1, 3]]
    """
    if columns.is_cuda:
        starts = torch.zeros(n_columns + 1, dtype=torch.int32, device=columns.device)
        torch.cumsum(torch.bincount(columns, minlength=n_columns), 0, dtype=torch.int32, out=starts[1:])
        order = torch.argsort(columns, stable=True).int()
        return order, torch.searchsorted(offsets, order, right=True, out_int32=True) - 1, starts
    positions = np.arange(len(columns), dtype=np.int32)
    rows = csr_matrix((positions, columns.numpy(), offsets.numpy()), shape=(len(offsets) - 1, n_columns))
    transposed = rows.tocsc()  # a counting sort in compiled code; torch.argsort takes five times as long
    return torch.from_numpy(transposed.data), torch.from_numpy(transposed.indices), torch.from_numpy(transposed.indptr)
