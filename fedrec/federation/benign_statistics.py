"""What the benign clients of a round upload, in statistics, for an attack that may know them: see `fedrec.interfaces.benign_uploads`."""

from collections.abc import Callable, Mapping
from functools import cached_property

import torch
from torch import Tensor

from fedrec.aggregation import GroupedUploads
from fedrec.interfaces import BenignUploads, FactoredRows, RowGroup, Upload, UploadStatistics
from fedrec.ragged import positions, segment_products


class StatisticsOfRows(UploadStatistics):
    """Statistics of an upload with rows for things 0 to J - 1, for each of which there is one at least, and one from a client at most.

    The rows are made when they are needed, and their sum is not made from them if that is told.
    """

    def __init__(self, counts: Tensor, rows: Callable[[], Upload], total: Callable[[], Tensor] | None = None) -> None:
        self._counts, self._rows, self._total = counts, rows, total

    @cached_property
    def _upload(self) -> Upload:
        return self._rows()

    @property
    def counts(self) -> Tensor:
        return self._counts

    @cached_property
    def sums(self) -> Tensor:
        return self._total() if self._total else self._upload.total(len(self._counts))[0]

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
        self._items, self._numbers, self._whole = positions(counts > 0), (counts > 0).cumsum(0, dtype=torch.int32) - 1, upload
        super().__init__(counts.index_select(0, self._items), self._renumbered)

    def _renumbered(self) -> Upload:
        (group,) = self._whole.groups
        return Upload(self._whole.clients, (group.renumbered(self._items, self._numbers.index_select(0, group.items)),))

    @property
    def items(self) -> Tensor:
        return self._items

    def only(self, chosen: Tensor) -> UploadStatistics:
        (group,) = self._upload.groups
        rows = positions(chosen.index_select(0, group.items))
        numbers = (chosen.cumsum(0) - 1).index_select(0, group.items.index_select(0, rows))
        segments = group.owners.index_select(0, group.blocks_at(rows))
        upload = Upload.of_rows(self._upload.clients, numbers, segments, group.at(rows))
        return StatisticsOfRows(self._counts[chosen], lambda: upload)

    @cached_property
    def scorer(self) -> Mapping[str, UploadStatistics]:
        gradients, parts = self._whole.scorer_total(), self._whole.scorer
        n = sum(len(part.senders) for part in parts)
        return {name: self._of_tensor(name, total, n) for name, total in gradients.items()} if n else {}

    def _of_tensor(self, name: str, total: Tensor, n_senders: int) -> UploadStatistics:
        def rows() -> Upload:
            senders, gradients = self._scorer_rows
            return Upload.of_rows(self._whole.clients, torch.zeros_like(senders), senders, gradients[name].flatten(1))

        return StatisticsOfRows(self._counts.new_full((1,), n_senders), rows, lambda: total.flatten()[None])

    @cached_property
    def _scorer_rows(self) -> tuple[Tensor, dict[str, Tensor]]:
        return self._whole.scorer_rows()
