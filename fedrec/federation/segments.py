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


def group_by(keys: Tensor, n_groups: int) -> tuple[Tensor, Tensor]:
    """Stable order that brings equal keys together, and where each group starts; [n] int32 -> [n], [n_groups + 1], int32.

    >>> [part.tolist() for part in group_by(torch.tensor([2, 0, 2], dtype=torch.int32), 3)]
    [[1, 0, 2], [0, 1, 1, 3]]
    """
    if keys.is_cuda:
        offsets = torch.zeros(n_groups + 1, dtype=torch.int32, device=keys.device)
        torch.cumsum(torch.bincount(keys, minlength=n_groups), 0, dtype=torch.int32, out=offsets[1:])
        return torch.argsort(keys, stable=True).int(), offsets
    positions = np.arange(len(keys), dtype=np.int32)
    # a counting sort in compiled code: the columns of a one-row matrix; argsort takes five times as long
    columns = csr_matrix((positions, keys.numpy(), np.array([0, len(keys)], dtype=np.int32)), shape=(1, n_groups)).tocsc()
    return torch.from_numpy(columns.data), torch.from_numpy(columns.indptr)
