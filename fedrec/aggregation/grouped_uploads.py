"""The uploads of a round, grouped by what they are for: an item, or a tensor of the scorer.

An upload stays a number times a vector, because under MF-FRS there are hardly more vectors than clients. So a scalar product between two
uploads is two numbers times one of the products between vectors, each of which is made once. Letters in shape comments as in
`fedrec.interfaces`; J groups, n_j uploads in group j, N uploads in all, p numbers in an upload, D vectors.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fedrec.interfaces import Upload
from fedrec.ragged import lexicographic_order, positions, repeat_each, scalar_segment_sum, segment_products, segment_sum

if TYPE_CHECKING:
    from fedrec.aggregation.compiled_loops import Uploads


@dataclass(frozen=True)
class GroupedUploads:
    """The uploads of group keys[0] in sampling order, then those of keys[1] and so on; groups with few uploads come first."""

    keys: Tensor  # [J] int64, items
    sizes: Tensor  # [J] int64, n_j
    vectors: Tensor  # [D, p]
    pointers: Tensor  # [N] int64
    coefficients: Tensor  # [N], upload k is coefficients[k] * vectors[pointers[k]]
    senders: Tensor  # [N] int64 positions in `Upload.clients`, ascending in a group
    name: str = ""  # of the tensor of the scorer; empty if groups are items
    n_clients: int = 0  # clients who sent something, be it for this tensor or not; 0 if groups are items

    @classmethod
    def by_item(cls, upload: Upload, n_items: int) -> "GroupedUploads":
        """Group rows by item. Rows that one client sent for one item are added up, so nobody has more than one vote."""
        counts = torch.bincount(upload.items, minlength=n_items)  # [M]
        items = positions(counts > 0)
        items = items.index_select(0, counts.index_select(0, items).argsort(stable=True))
        places = torch.empty_like(counts)  # only those of items with an upload are written or read
        places[items] = torch.arange(len(items), device=items.device)
        places = places.index_select(0, upload.items)
        order = lexicographic_order(places, upload.segments)
        senders, places = upload.segments.index_select(0, order), places.index_select(0, order)
        again = (places[1:] == places[:-1]) & (senders[1:] == senders[:-1])
        if again.any():
            return cls.by_item(one_row_each(upload, n_items), n_items)
        vectors, pointers, coefficients = upload.factored
        pointers, coefficients = pointers.index_select(0, order), coefficients.index_select(0, order)
        return cls(items, counts.index_select(0, items), vectors, pointers, coefficients, senders)

    @classmethod
    def of_tensor(cls, gradients: Tensor, senders: Tensor, name: str = "", n_clients: int = 0) -> "GroupedUploads":
        """Make one group of the gradients [c, ...] that clients [c] sent for a tensor of the scorer."""
        vectors, numbers = gradients.flatten(1), torch.arange(len(senders), device=senders.device)
        n = senders.new_full((1,), len(senders))
        return cls(senders.new_zeros(1), n, vectors, numbers, vectors.new_ones(len(senders)), senders, name, n_clients)

    @cached_property
    def offsets(self) -> Tensor:
        """Where the uploads of each group begin, [J + 1] int64."""
        return torch.cat([self.sizes.new_zeros(1), self.sizes.cumsum(0)])

    @cached_property
    def rows(self) -> Tensor:
        """The uploads themselves, [N, p]; made on first use."""
        return self.vectors.index_select(0, self.pointers).mul_(self.coefficients[:, None])

    @cached_property
    def uniform_weights(self) -> Tensor:
        """1 / n_j for each upload, [N]."""
        return self.repeat_by_group(1 / self.sizes.to(self.vectors.dtype))

    def lengths(self) -> Tensor:
        """Return the L2 norm of each upload, [N]."""
        of_vectors: Tensor = torch.linalg.vector_norm(self.vectors, dim=1)
        return of_vectors.index_select(0, self.pointers) * self.coefficients.abs()

    def distances(self, centres: Tensor) -> Tensor:
        """Return the distance of each upload to the centre of its group, [J, p] -> [N]."""
        groups = self.repeat_by_group(torch.arange(len(self.sizes), device=self.sizes.device))
        distances: Tensor = torch.linalg.vector_norm(self.rows - centres.index_select(0, groups), dim=1)
        return distances

    def along(self, directions: Tensor) -> Tensor:
        """Return the scalar product of each upload with the direction of its group, [J, p] -> [N]."""
        return segment_products(directions, self.vectors, self.offsets, self.pointers) * self.coefficients

    def medians(self) -> Tensor:
        """Return the median of each coordinate in each group, [J, p]; of an even number of values the mean of the two in the middle."""
        from fedrec.aggregation.trimming import medians

        return torch.from_numpy(medians(*self.arrays())).to(self.vectors.device)

    def trimmed_means(self, n_kept: Tensor, around_median: bool) -> Tensor:
        """Return the mean of n_kept [J] values of each coordinate in each group, [J, p]: of the closest to the median, or in the middle."""
        from fedrec.aggregation.trimming import trimmed_means

        return torch.from_numpy(trimmed_means(*self.arrays(), n_kept.cpu().numpy(), around_median)).to(self.vectors.device)

    def arrays(self, number: type[np.float64] | None = None) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Return vectors, pointers, coefficients and offsets on the CPU, as compiled loops read them; in another precision if given."""
        vectors, coefficients = np.ascontiguousarray(self.vectors.cpu(), number), np.ascontiguousarray(self.coefficients.cpu(), number)
        return vectors, np.ascontiguousarray(self.pointers.cpu(), np.uint64), coefficients, self.offsets.cpu().numpy()

    def for_loops(self) -> "Uploads":
        """Return what the loops over pairs of uploads read."""
        from fedrec.aggregation.compiled_loops import Uploads

        arrays = self.arrays(np.float64)
        return Uploads(*arrays, self.products(arrays[0]), self.vectors.dtype == torch.float32)

    def products(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the scalar products between the vectors [D, p], [D, D]; none, [0, 0], if they are more than those within all groups."""
        from fedrec.aggregation.compiled_loops import matrix_product

        shared = vectors if len(vectors) ** 2 <= int(self.sizes.square().sum()) else vectors[:0]
        return matrix_product(shared, shared.T.copy())

    def repeat_by_group(self, values: Tensor) -> Tensor:
        """Return the value of its group for each upload, [J] -> [N]."""
        return repeat_each(values, self.sizes)

    def totals(self, weights: Tensor) -> Tensor:
        """Return the sum of the weights [N] of each group, [J]."""
        return scalar_segment_sum(weights, self.offsets)

    def only(self, chosen: Tensor) -> "GroupedUploads":
        """Return the uploads that are marked, [N] bool; a group may become empty."""
        before = torch.cat([self.sizes.new_zeros(1), chosen.cumsum(0)])
        sizes = before.index_select(0, self.offsets).diff()
        places = chosen.nonzero().flatten()
        parts = {name: getattr(self, name).index_select(0, places) for name in ("pointers", "coefficients", "senders")}
        return replace(self, sizes=sizes, **parts)

    def sum(self, weights: Tensor, chosen: Tensor | None = None) -> Tensor:
        """Return the sum of weights [N] times uploads in each group, [J, p]; over the marked ones only, [N] bool, if any are marked."""
        if chosen is not None:
            return self.only(chosen).sum(weights[chosen])
        return segment_sum(self.vectors, self.pointers, self.offsets, weights * self.coefficients)


def one_row_each(upload: Upload, n_items: int) -> Upload:
    """Return an upload in which the rows that one client sent for one item are added up."""
    keys = upload.segments * n_items + upload.items
    seen = torch.zeros(len(upload.clients) * n_items, dtype=torch.bool, device=keys.device)
    seen[keys] = True
    if int(seen.sum()) == len(keys):
        return upload
    unique, places = keys.unique(return_inverse=True)
    rows = upload.rows.new_zeros(len(unique), upload.rows.shape[1]).index_add_(0, places, upload.rows)
    return Upload.of_rows(upload.clients, unique % n_items, unique // n_items, rows, upload.scorer)
