"""What the benign clients of a round upload, in statistics, for an attack that may know them: see `fedrec.interfaces.benign_uploads`."""

from collections.abc import Mapping
from functools import cached_property

import torch
from torch import Tensor

from fedrec.aggregation import GroupedUploads
from fedrec.interfaces import BenignUploads, FactoredRows, RowGroup, Upload, UploadStatistics
from fedrec.ragged import positions, segment_products


class StatisticsOfRows(UploadStatistics):
    """Statistics of an upload with rows for things 0 to J - 1, for each of which there is one at least, and one from a client at most."""

    def __init__(self, upload: Upload, counts: Tensor) -> None:
        self._upload, self._counts = upload, counts

    @property
    def counts(self) -> Tensor:
        return self._counts

    @cached_property
    def sums(self) -> Tensor:
        return self._upload.total(len(self._counts))[0]

    @cached_property
    def stds(self) -> Tensor:
        """From both moments, in double precision: where all uploads are equal, what is left of their difference is no deviation."""
        rows, group = self._factored
        squared = FactoredRows(rows.coefficients.double().square(), rows.directions.double().square())
        n = self._counts[:, None]
        first = FactoredRows(rows.coefficients.double(), rows.directions.double()).sum(group, len(n)) / n
        second = squared.sum(group, len(n)) / n
        variances = second - first.square()
        return torch.where(variances > 1e-12 * second, variances, 0).sqrt_().to(rows.directions.dtype)

    @property
    def places(self) -> Tensor:
        return self._upload.items.long()

    def squared_distances(self, points: Tensor) -> Tensor:
        rows, group = self._factored
        directions, coefficients, points = rows.directions.double(), rows.coefficients.double(), points.double()
        products = coefficients * segment_products(directions, points, group.offsets, group.items)
        squares = coefficients.square() * directions.square().sum(1).index_select(0, group.blocks)
        return (squares - 2 * products + points.square().sum(1).index_select(0, group.items)).clamp_(min=0)

    def diameters(self) -> Tensor:
        from fedrec.aggregation.compiled_loops import diameters

        grouped = GroupedUploads.by_item(self._upload, len(self._counts))
        found = torch.from_numpy(diameters(grouped.for_loops())).to(self._counts.device)
        return torch.empty_like(found).index_copy_(0, grouped.keys, found)

    @cached_property
    def _factored(self) -> tuple[FactoredRows, RowGroup]:
        """The rows as multiples of vectors; rows that are no such multiples are vectors of their own, each in a block of its own."""
        (group,) = self._upload.groups
        if len(group.parts) == 1 and isinstance(part := group.parts[0], FactoredRows) and part.normals is None:
            return part, group
        (group,) = Upload.of_rows(self._upload.clients, group.items, self._upload.segments, self._upload.rows).groups
        rows = self._upload.rows
        return FactoredRows(rows.new_ones(len(rows)), rows), group


class StatisticsOfRound(StatisticsOfRows, BenignUploads):
    """Statistics of the upload of all benign clients of a round, with rows for some of M items."""

    def __init__(self, upload: Upload, n_items: int) -> None:
        counts = torch.bincount(upload.items, minlength=n_items)  # [M]
        self._items, self._scorer_parts = positions(counts > 0), upload.scorer
        (group,) = upload.groups
        numbers = ((counts > 0).cumsum(0, dtype=torch.int32) - 1).index_select(0, upload.items)
        renumbered = Upload(upload.clients, (group.renumbered(self._items, numbers),))
        super().__init__(renumbered, counts.index_select(0, self._items))

    @property
    def items(self) -> Tensor:
        return self._items

    @cached_property
    def scorer(self) -> Mapping[str, UploadStatistics]:
        senders, gradients = Upload(self._upload.clients, (), self._scorer_parts).scorer_rows()
        if not len(senders):
            return {}
        first, n = torch.zeros_like(senders), senders.new_full((1,), len(senders))
        clients = self._upload.clients
        return {name: StatisticsOfRows(Upload.of_rows(clients, first, senders, value.flatten(1)), n) for name, value in gradients.items()}
