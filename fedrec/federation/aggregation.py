"""The server's aggregation function Agg (Sec. III-A): all rows uploaded in a round -> one gradient per item."""

from collections.abc import Mapping

import torch
from torch import Tensor

from fedrec.interfaces import DenseRows, FactoredRows, Rows, Upload
from fedrec.segments import scatter_sum


class Sum:
    """The plain sum, no defense; never makes the rows of a factored upload."""

    def __call__(self, upload: Upload, n_items: int) -> tuple[Tensor, Mapping[str, float]]:
        first, *others = (_sum(part, upload, n_items) for part in upload.parts)
        return sum(others, first), {}


def _sum(part: Rows, upload: Upload, n_items: int) -> Tensor:
    if isinstance(part, DenseRows):
        own_block = torch.arange(len(upload.items) + 1, dtype=torch.int32, device=upload.items.device)
        return scatter_sum(part.rows.new_ones(len(part.rows)), part.rows, own_block, upload.items, n_items)
    total = scatter_sum(part.coefficients, part.directions, upload.offsets, upload.items, n_items)  # [M, d]
    if part.normals is None:
        return total
    return total - (total * part.normals).sum(1, keepdim=True) * part.normals  # projecting is linear: once, after the sum


def concatenate(benign: Upload, poison: Upload, positions: Tensor) -> Upload:
    """Both uploads as the server sees them: clients in sampling order, nothing marks who is malicious.

    positions [S]: where the benign and then the malicious clients stand in that order.
    """
    clients = torch.empty_like(positions)
    clients[positions] = torch.cat([benign.clients, poison.clients])
    owners = positions[torch.cat([benign.owners, poison.owners + len(benign.clients)])]
    if not len(poison.items):
        return Upload(clients, owners, benign.offsets, benign.items, benign.parts)
    offsets = torch.cat([benign.offsets, poison.offsets[1:] + benign.offsets[-1]])
    first, *others = benign.parts
    parts = (_append(first, poison.rows), *(_append(part, torch.zeros_like(poison.rows)) for part in others))
    return Upload(clients, owners, offsets, torch.cat([benign.items, poison.items]), parts)


def _append(part: Rows, rows: Tensor) -> Rows:
    """The part with further rows [n, d] behind it, a block each."""
    if isinstance(part, DenseRows):
        return DenseRows(torch.cat([part.rows, rows]))
    coefficients = torch.cat([part.coefficients, part.coefficients.new_ones(len(rows))])
    return FactoredRows(coefficients, torch.cat([part.directions, rows]), part.normals)
