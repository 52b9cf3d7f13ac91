"""What clients send to the server: gradient rows of items and gradients of the scorer, in the form they are cheapest in.

Letters in shape comments as in `fedrec.interfaces`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from fedrec.ragged import column_scatter_sum, scatter_sum, segment_numbers


@dataclass(frozen=True, slots=True)
class DenseRows:
    """Gradient rows as they are."""

    rows: Tensor  # [n, d]

    def at(self, index: Tensor | slice, group: "RowGroup") -> Tensor:
        """Rows `index`, [k, d]."""
        return self.rows[index]

    def sum(self, group: "RowGroup", n_items: int) -> Tensor:
        """Summed by item, [M, d]."""
        own_block = torch.arange(len(self.rows) + 1, dtype=torch.int32, device=self.rows.device)
        return scatter_sum(self.rows.new_ones(len(self.rows)), self.rows, own_block, group.items, n_items)

    def scaled(self, weights: Tensor) -> "DenseRows":
        """Row k times weights[k], [n]."""
        return DenseRows(self.rows * weights[:, None])

    def bound(self) -> Tensor:
        """A number that no row is longer than; not finite if a row is not."""
        length: Tensor = torch.linalg.vector_norm(self.rows)
        return length


@dataclass(frozen=True, slots=True)
class FactoredRows:
    """Gradient rows that are multiples of one direction per block: row k is coefficients[k] * directions[blocks[k]].

    With `normals` (unit vectors, one per item) each row is projected onto the plane orthogonal to its item's normal.
    """

    coefficients: Tensor  # [n]
    directions: Tensor  # [D, d]
    normals: Tensor | None = None  # [M, d]

    def at(self, index: Tensor | slice, group: "RowGroup") -> Tensor:
        """Rows `index`, [k, d]."""
        rows = self.coefficients[index, None] * self.directions.index_select(0, group.blocks_at(index))  # [k, d]
        if self.normals is None:
            return rows
        normals = self.normals.index_select(0, group.items[index])  # [k, d]
        return rows - (rows * normals).sum(1, keepdim=True) * normals

    def sum(self, group: "RowGroup", n_items: int) -> Tensor:
        """Summed by item, [M, d]; no row is made."""
        total = scatter_sum(self.coefficients, self.directions, group.offsets, group.items, n_items)
        if self.normals is None:
            return total
        return total - (total * self.normals).sum(1, keepdim=True) * self.normals  # projecting is linear: once, after the sum

    def scaled(self, weights: Tensor) -> "FactoredRows":
        """Row k times weights[k], [n]."""
        return replace(self, coefficients=self.coefficients * weights)

    def bound(self) -> Tensor:
        """A number that no row is longer than; not finite if a row is not."""
        length: Tensor = torch.linalg.vector_norm(self.coefficients) * torch.linalg.vector_norm(self.directions)
        return length


@dataclass(frozen=True)
class ProjectedRows:
    """Gradient rows behind a linear layer: row k is columns[:, k] @ weight."""

    columns: Tensor  # [h, n]
    weight: Tensor  # [h, d]
    items: Tensor  # [n] int32
    n_items: int

    @cached_property
    def column_sums(self) -> Tensor:
        """The columns summed by item, [h, M]."""
        return column_scatter_sum(self.columns, self.items, self.n_items)

    def at(self, index: Tensor | slice, group: "RowGroup") -> Tensor:
        """Rows `index`, [k, d]."""
        return self.columns[:, index].T @ self.weight

    def sum(self, group: "RowGroup", n_items: int) -> Tensor:
        """Summed by item, [M, d]: the layer is passed once per item."""
        return self.column_sums.T @ self.weight

    def scaled(self, weights: Tensor) -> "ProjectedRows":
        """Row k times weights[k], [n]."""
        return replace(self, columns=self.columns * weights)

    def bound(self) -> Tensor:
        """A number that no row is longer than; not finite if a row is not."""
        length: Tensor = torch.linalg.vector_norm(self.columns) * torch.linalg.vector_norm(self.weight)
        return length


Rows = DenseRows | FactoredRows | ProjectedRows


@dataclass(frozen=True)
class RowGroup:
    """Gradient rows made in one way. Rows offsets[b]:offsets[b + 1] form block b, sent by client owners[b] of the upload."""

    owners: Tensor  # [D] int64
    offsets: Tensor  # [D + 1] int32
    items: Tensor  # [n] int32
    parts: tuple[Rows, ...]  # they add up to the rows

    @cached_property
    def blocks(self) -> Tensor:
        """The block of each row, [n] int32."""
        return segment_numbers(self.offsets)

    def blocks_at(self, index: Tensor | slice) -> Tensor:
        """The block of rows `index`, [k]."""
        return self.blocks if isinstance(index, slice) else torch.searchsorted(self.offsets, index.int(), right=True) - 1

    def at(self, index: Tensor | slice) -> Tensor:
        """Rows `index`, [k, d]; a slice takes all."""
        first, *others = (part.at(index, self) for part in self.parts)
        return sum(others, first)

    def lengths(self) -> Tensor:
        """L2 norm of each row, [n]."""
        if len(self.parts) == 1 and isinstance(part := self.parts[0], FactoredRows) and part.normals is None:
            of_directions: Tensor = torch.linalg.vector_norm(part.directions, dim=1)
            return part.coefficients.abs() * of_directions.index_select(0, self.blocks)
        lengths: Tensor = torch.linalg.vector_norm(self.at(slice(None)), dim=1)
        return lengths

    def scaled(self, weights: Tensor) -> "RowGroup":
        """Row k times weights[k], [n]."""
        return replace(self, parts=tuple(part.scaled(weights) for part in self.parts))


class ScorerGradients(Protocol):
    """Gradients of the scorer's parameters from C clients (Eq. 1), made in the form that is asked for."""

    def total(self) -> Mapping[str, Tensor]:
        """Summed over the clients, {name: [...]}; all that the plain sum needs."""

    def per_client(self) -> Mapping[str, Tensor]:
        """Of each client, {name: [C, ...]}."""


@dataclass(frozen=True, slots=True)
class DenseScorerGradients:
    """Gradients of each client as they are."""

    gradients: Mapping[str, Tensor]  # {name: [C, ...]}

    def total(self) -> Mapping[str, Tensor]:
        return {name: value.sum(0) for name, value in self.gradients.items()}

    def per_client(self) -> Mapping[str, Tensor]:
        return self.gradients


@dataclass(frozen=True, slots=True)
class ScorerPart:
    """Some clients' gradients of the scorer."""

    senders: Tensor  # [c] int64, distinct positions in `Upload.clients`
    gradients: ScorerGradients


@dataclass(frozen=True)
class Upload:
    """All gradients of a round."""

    clients: Tensor  # [S] int64; users are 0..U-1, malicious clients follow
    groups: tuple[RowGroup, ...]
    scorer: tuple[ScorerPart, ...] = ()  # no sender stands in two of them

    @classmethod
    def of_rows(cls, clients: Tensor, items: Tensor, segments: Tensor, rows: Tensor, scorer: tuple[ScorerPart, ...] = ()) -> "Upload":
        """Row k [n, d] is what clients[segments[k]] sends for items[k]."""
        offsets = torch.arange(len(items) + 1, dtype=torch.int32, device=items.device)
        return cls(clients, (RowGroup(segments.long(), offsets, items.int(), (DenseRows(rows),)),), scorer)

    @cached_property
    def items(self) -> Tensor:
        """The item of each row, [n] int32."""
        return torch.cat([group.items for group in self.groups])

    @cached_property
    def segments(self) -> Tensor:
        """Position in `clients` of the sender of each row, [n] int64."""
        return torch.cat([group.owners[group.blocks] for group in self.groups])

    @cached_property
    def rows(self) -> Tensor:
        """The gradients themselves, [n, d]; made on first use, a plain sum never needs them."""
        return torch.cat([group.at(slice(None)) for group in self.groups])

    @cached_property
    def factored(self) -> tuple[Tensor, Tensor, Tensor]:
        """Vectors [D, d], which of them each row is a multiple of [n] int64, and how many times, [n]; few vectors of factored groups."""
        vectors, pointers, coefficients, n_vectors = [], [], [], 0
        for group in self.groups:
            part = group.parts[0]
            if len(group.parts) > 1 or not isinstance(part, FactoredRows) or part.normals is not None:
                rows = group.at(slice(None))
                part = FactoredRows(rows.new_ones(len(rows)), rows)
                pointers.append(torch.arange(n_vectors, n_vectors + len(rows), device=rows.device))
            else:
                pointers.append(group.blocks.long() + n_vectors)
            vectors.append(part.directions)
            coefficients.append(part.coefficients)
            n_vectors += len(part.directions)
        return torch.cat(vectors), torch.cat(pointers), torch.cat(coefficients)

    def without_silent(self) -> tuple["Upload", Tensor]:
        """From the clients alone who sent anything, and their positions in `clients`, ascending; all of them if nobody did."""
        has_sent = torch.zeros(len(self.clients), dtype=torch.bool, device=self.clients.device)
        has_sent[self.segments] = True
        for part in self.scorer:
            has_sent[part.senders] = True
        positions = has_sent.nonzero().flatten()
        if not len(positions) or len(positions) == len(self.clients):
            return self, torch.arange(len(self.clients), device=self.clients.device)
        places = (has_sent.cumsum(0) - 1).clamp_(min=0)  # of a silent owner any place will do: it has no rows
        groups = tuple(replace(group, owners=places[group.owners]) for group in self.groups)
        scorer = tuple(replace(part, senders=places[part.senders]) for part in self.scorer)
        return Upload(self.clients[positions], groups, scorer), positions

    def total(self, n_items: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Rows summed by item, [M, d], and the gradients of the scorer; no row is made that is not dense."""
        first, *others = (part.sum(group, n_items) for group in self.groups for part in group.parts)
        return sum(others, first), self.scorer_total()

    def weighted(self, weights: Tensor) -> "Upload":
        """All that client s of the upload sends times weights[s], [S]."""
        groups = tuple(group.scaled(weights[group.owners].index_select(0, group.blocks)) for group in self.groups)
        senders, gradients = self.scorer_rows()
        scaled = {name: torch.einsum("c,c...->c...", weights[senders], value) for name, value in gradients.items()}
        return Upload(self.clients, groups, (ScorerPart(senders, DenseScorerGradients(scaled)),) if scaled else ())

    def from_clients(self, chosen: Tensor) -> "Upload":
        """What the clients that are marked, [S] bool, sent."""
        senders, gradients = self.scorer_rows()
        kept = chosen[senders]
        scorer = ScorerPart(senders[kept], DenseScorerGradients({name: value[kept] for name, value in gradients.items()}))
        return replace(self.only(chosen[self.segments]), scorer=(scorer,) if gradients else ())

    def only(self, rows: Tensor) -> "Upload":
        """With those rows alone that are marked, [n] bool."""
        return Upload.of_rows(self.clients, self.items[rows], self.segments[rows], self.rows[rows], self.scorer)

    def scorer_total(self) -> dict[str, Tensor]:
        """Gradients of the scorer summed over all clients, {name: [...]}; empty if nobody sent any."""
        total: dict[str, Tensor] = {}
        for part in self.scorer:
            for name, value in part.gradients.total().items():
                total[name] = total[name] + value if name in total else value
        return total

    def scorer_rows(self) -> tuple[Tensor, dict[str, Tensor]]:
        """Positions [c] in `clients` of those who sent gradients of the scorer, ascending, and these, {name: [c, ...]}."""
        parts = [part.gradients.per_client() for part in self.scorer]
        if not parts:
            return self.clients[:0], {}
        senders, order = torch.cat([part.senders for part in self.scorer]).sort()
        return senders, {name: torch.cat([part[name] for part in parts])[order] for name in parts[0]}
