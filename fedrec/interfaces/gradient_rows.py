"""Gradient rows of items, in the form that is cheapest for the model that made them. Letters as in `fedrec.interfaces`.

All forms have the methods of `DenseRows`.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from fedrec.ragged import column_scatter_sum, scatter_sum, segment_numbers

SHORTEST = 1e-8  # the length of a vector whose direction counts


@dataclass(frozen=True, slots=True)
class DenseRows:
    """Gradient rows as they are."""

    rows: Tensor  # [n, d]

    def at(self, index: Tensor | slice, group: "RowGroup") -> Tensor:
        """Return the rows `index`, [k, d]; a slice takes all."""
        return self.rows[index]

    def sum(self, group: "RowGroup", n_items: int) -> Tensor:
        """Return the rows summed by item, [M, d]."""
        own_block = torch.arange(len(self.rows) + 1, dtype=torch.int32, device=self.rows.device)
        return scatter_sum(self.rows.new_ones(len(self.rows)), self.rows, own_block, group.items, n_items)

    def scaled(self, weights: Tensor) -> "DenseRows":
        """Return row k times weights[k], [n]."""
        return DenseRows(self.rows * weights[:, None])

    def renumbered(self, touched: Tensor, numbers: Tensor) -> "DenseRows":
        """Return the same rows for items that are touched[numbers[k]] by another count; touched [J], numbers [n] int32."""
        return self

    def bound(self) -> Tensor:
        """Return a number that no row is longer than. It is not finite if a row is not."""
        return _length(self.rows)


@dataclass(frozen=True, slots=True)
class FactoredRows:
    """Gradient rows that are multiples of one direction per block: row k is coefficients[k] * directions[blocks[k]].

    With `normals`, one per item and of any length, each row is projected onto the plane orthogonal to its item's normal.
    """

    coefficients: Tensor  # [n]
    directions: Tensor  # [D, d]
    normals: Tensor | None = None  # [M, d]

    def at(self, index: Tensor | slice, group: "RowGroup") -> Tensor:
        rows = _chosen(self.coefficients, index)[:, None] * self.directions.index_select(0, group.blocks_at(index))  # [k, d]
        if self.normals is None:
            return rows
        items = _chosen(group.items, index)
        few = len(items) < len(self.normals)  # what is less to divide by its length, rows or normals
        normals = _units(self.normals.index_select(0, items)) if few else _units(self.normals).index_select(0, items)  # [k, d]
        return rows - (rows * normals).sum(1, keepdim=True) * normals

    def sum(self, group: "RowGroup", n_items: int) -> Tensor:
        total = scatter_sum(self.coefficients, self.directions, group.offsets, group.items, n_items)  # no row is made
        if self.normals is None:
            return total
        normals = _units(self.normals)
        return total.sub_((total * normals).sum(1, keepdim=True) * normals)  # projecting is linear: once, after the sum

    def scaled(self, weights: Tensor) -> "FactoredRows":
        return replace(self, coefficients=self.coefficients * weights)

    def renumbered(self, touched: Tensor, numbers: Tensor) -> "FactoredRows":
        return self if self.normals is None else replace(self, normals=self.normals.index_select(0, touched))

    def bound(self) -> Tensor:
        return _length(self.coefficients) * _length(self.directions)


@dataclass(frozen=True)
class ProjectedRows:
    """Gradient rows behind a linear layer: row k is columns[:, k] @ weight / counts[k]."""

    columns: Tensor  # [h, n]
    counts: Tensor  # [n] >= 1
    weight: Tensor  # [h, d]
    items: Tensor  # [n] int32
    n_items: int

    @cached_property
    def column_sums(self) -> Tensor:
        """The columns summed by item, [h, M]."""
        return column_scatter_sum(self.columns, self.items, self.n_items)

    def at(self, index: Tensor | slice, group: "RowGroup") -> Tensor:
        return (self.columns[:, index] / self.counts[index]).T @ self.weight

    def sum(self, group: "RowGroup", n_items: int) -> Tensor:
        repeated = (self.counts > 1).nonzero().flatten()  # few
        surplus = self.columns.index_select(1, repeated) * (1 - 1 / self.counts.index_select(0, repeated))
        sums = self.column_sums - column_scatter_sum(surplus, self.items.index_select(0, repeated), self.n_items)
        return sums.T @ self.weight  # the layer is passed once per item

    def scaled(self, weights: Tensor) -> "ProjectedRows":
        return replace(self, columns=self.columns * weights)

    def renumbered(self, touched: Tensor, numbers: Tensor) -> "ProjectedRows":
        return replace(self, items=numbers, n_items=len(touched))

    def bound(self) -> Tensor:
        return _length(self.columns) * _length(self.weight)


@dataclass(frozen=True, slots=True)
class SharedRows:
    """Gradient rows that all clients of a group send alike, for the same k items: in each block stand the same k rows."""

    rows: Tensor  # [k, d]

    def at(self, index: Tensor | slice, group: "RowGroup") -> Tensor:
        return self.rows.index_select(0, self.pointers(group)[index])

    def pointers(self, group: "RowGroup") -> Tensor:
        """Return which of the k rows each row of a group is, [n] int64."""
        return torch.arange(len(self.rows), device=self.rows.device).repeat(len(group.owners))

    def sum(self, group: "RowGroup", n_items: int) -> Tensor:
        items = group.items[: len(self.rows)]  # of the first block, if there is one
        own_block = torch.arange(len(items) + 1, dtype=torch.int32, device=items.device)
        return scatter_sum(self.rows.new_full((len(items),), len(group.owners)), self.rows[: len(items)], own_block, items, n_items)

    def scaled(self, weights: Tensor) -> DenseRows:
        return DenseRows(self.rows.repeat(len(weights) // max(len(self.rows), 1), 1) * weights[:, None])

    def renumbered(self, touched: Tensor, numbers: Tensor) -> "SharedRows":
        return self

    def bound(self) -> Tensor:
        return _length(self.rows)


Rows = DenseRows | FactoredRows | ProjectedRows | SharedRows


@dataclass(frozen=True)
class RowGroup:
    """Gradient rows made in one way. Rows offsets[b]:offsets[b + 1] form block b, which client owners[b] of the upload sends."""

    owners: Tensor  # [D] int64
    offsets: Tensor  # [D + 1] int32
    items: Tensor  # [n] int32
    parts: tuple[Rows, ...]  # they add up to the rows

    @cached_property
    def blocks(self) -> Tensor:
        """The block of each row, [n] int32."""
        return segment_numbers(self.offsets)

    def blocks_at(self, index: Tensor | slice) -> Tensor:
        """Return the blocks of the rows `index`, [k]."""
        return self.blocks if isinstance(index, slice) else torch.searchsorted(self.offsets, index.int(), right=True) - 1

    def at(self, index: Tensor | slice) -> Tensor:
        """Return the rows `index`, [k, d]; a slice takes all."""
        first, *others = (part.at(index, self) for part in self.parts)
        return sum(others, first)

    def lengths(self) -> Tensor:
        """Return the L2 norm of each row, [n]."""
        if len(self.parts) == 1 and isinstance(part := self.parts[0], FactoredRows) and part.normals is None:
            return part.coefficients.abs() * _length(part.directions, 1).index_select(0, self.blocks)
        return _length(self.at(slice(None)), 1)

    def scaled(self, weights: Tensor) -> "RowGroup":
        """Return row k times weights[k], [n]."""
        return replace(self, parts=tuple(part.scaled(weights) for part in self.parts))

    def renumbered(self, touched: Tensor, numbers: Tensor) -> "RowGroup":
        """Return the same rows, of which row k is for item numbers[k] and no longer for touched[numbers[k]]; [J], [n] int32."""
        return replace(self, items=numbers, parts=tuple(part.renumbered(touched, numbers) for part in self.parts))


def _units(vectors: Tensor) -> Tensor:
    """Return vectors [k, d] divided by their lengths; very short ones stay short."""
    return vectors / _length(vectors, 1).clamp_(min=SHORTEST)[:, None]


def _chosen(values: Tensor, index: Tensor | slice) -> Tensor:
    return values[index] if isinstance(index, slice) else values.index_select(0, index)


def _length(values: Tensor, dim: int | None = None) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(values, dim=dim)
    return length
