"""Rules that keep some uploads whole and drop the others, by Krum's scores."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from fedrec.aggregation.grouped_uploads import NUMBERS_AT_ONCE, GroupedUploads
from fedrec.aggregation.krum_scores import Score, left_out, pairwise_distances, select_one_by_one
from fedrec.aggregation.rule import Weighting

PADDING = 1.25  # the largest of groups that are handled together has at most so many times the uploads of the smallest

Block = tuple[slice, slice, Tensor]  # as `GroupedUploads.blocks` yields it


@dataclass(kw_only=True)
class Selecting(Weighting):
    """Repeats Krum, putting the selected upload aside each time, until n - 2f are selected; all of them if f = 0."""

    score: Score

    selects = True

    def fewest(self, f: Tensor) -> Tensor:
        return 4 * f + 3

    def select(self, distances: Tensor, exists: Tensor, f: int) -> Tensor:
        """Distances [g, n, n] between uploads that exist, [g, n] bool, and 0 elsewhere -> which are accepted, [g, n] bool."""
        return select_one_by_one(distances, exists, exists.sum(1) - 2 * f, left_out(f, self.score))

    def weights(self, products: Tensor, f: int) -> Tensor:
        exists = torch.ones_like(products[..., 0], dtype=torch.bool)
        return self.select(pairwise_distances(products, self.score), exists, f).to(products.dtype)

    def weights_of_groups(self, uploads: GroupedUploads) -> Tensor:
        """Groups of similar sizes at once: a step costs about as much for one as for many."""
        applies, f = self.applies(uploads.sizes), self.tolerated(uploads.sizes).tolist()
        weights = uploads.repeat_by_group((applies | (self.fallback == "sum")).to(uploads.coefficients.dtype))
        guarded = applies.tolist()
        blocks = (block for block in uploads.blocks() if guarded[block[0].start] and f[block[0].start])
        for batch in _batches(blocks, f):
            (first, beginning, _), (last, end, largest) = batch[0], batch[-1]
            longest, n_groups = largest.shape[1], last.stop - first.start
            distances = weights.new_zeros(n_groups, longest, longest)
            exists = torch.zeros(n_groups, longest, dtype=torch.bool, device=weights.device)
            for groups, _, rows in batch:
                here, n = slice(groups.start - first.start, groups.stop - first.start), rows.shape[1]
                distances[here, :n, :n] = pairwise_distances(rows @ rows.mT, self.score)
                exists[here, :n] = True
            accepted = self.select(distances, exists, f[first.start])
            weights[beginning.start : end.stop] = accepted[exists].to(weights.dtype)
        return weights


def _batches(blocks: Iterator[Block], f: list[int]) -> Iterator[list[Block]]:
    """Blocks of similar sizes and the same f that follow upon each other, as many as fit into memory together."""
    batch: list[Block] = []
    for block in blocks:
        groups, _, rows = block
        if batch:
            (first, _, smallest), (last, _, _) = batch[0], batch[-1]
            n, n_groups = rows.shape[1], groups.stop - first.start
            similar = n <= PADDING * smallest.shape[1] and f[groups.start] == f[first.start] and groups.start == last.stop
            if not similar or n_groups * n**2 > NUMBERS_AT_ONCE:
                yield batch
                batch = []
        batch.append(block)
    if batch:
        yield batch
