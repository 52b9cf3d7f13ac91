"""The server's aggregation function Agg (Sec. III-A): all rows uploaded in a round -> one gradient per item."""

from collections.abc import Mapping

import torch
from torch import Tensor

from fedrec.federation.segments import group_by, segment_sum
from fedrec.interfaces import Term, Upload


class Sum:
    """The plain sum, no defense; never makes the rows of a factored upload."""

    def __call__(self, upload: Upload, n_items: int) -> tuple[Tensor, Mapping[str, float]]:
        order, offsets = group_by(upload.items, n_items)
        parts = [_sum(term, order, offsets) for term in upload.terms]
        return torch.stack(parts).sum(0) if len(parts) > 1 else parts[0], {}


def _sum(term: Term, order: Tensor, offsets: Tensor) -> Tensor:
    total = segment_sum(term.directions, term.pointers[order], offsets, term.coefficients[order])  # [M, d]
    if term.normals is None:
        return total
    return total - (total * term.normals).sum(1, keepdim=True) * term.normals  # projecting is linear: once, after the sum


def concatenate(benign: Upload, poison: Upload, positions: Tensor) -> Upload:
    """Both uploads as the server sees them, nothing marks who is malicious.

    positions [S]: where the benign and then the malicious clients stand in sampling order.
    """
    clients = torch.empty_like(positions)
    clients[positions] = torch.cat([benign.clients, poison.clients])
    segments = positions.int()[torch.cat([benign.segments, poison.segments + len(benign.clients)])]
    if not len(poison.items):
        return Upload(clients, benign.items, segments, benign.terms)
    first, *others = benign.terms
    poisoned = Term.dense(poison.rows)
    joined = Term(
        torch.cat([first.coefficients, poisoned.coefficients]),
        torch.cat([first.pointers, poisoned.pointers + len(first.directions)]),
        torch.cat([first.directions, poisoned.directions]),
    )
    padded = [_pad(term, len(poison.items)) for term in others]
    return Upload(clients, torch.cat([benign.items, poison.items]), segments, (joined, *padded))


def _pad(term: Term, n_rows: int) -> Term:
    """The same term with n_rows zero rows behind it."""
    coefficients = torch.cat([term.coefficients, term.coefficients.new_zeros(n_rows)])
    pointers = torch.cat([term.pointers, term.pointers.new_zeros(n_rows)])
    return Term(coefficients, pointers, term.directions, term.normals)
