"""Rules that keep some uploads whole and drop the others, by Krum's scores."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from fedrec.robust.grouped import NUMBERS_AT_ONCE, GroupedUploads
from fedrec.robust.rule import Weighting
from fedrec.robust.selection import Score, distances, left_out, select_one_by_one

PADDING = 1.25  # the largest of groups that are handled together has at most so many times the uploads of the smallest

Block = tuple[slice, slice, Tensor]  # as `GroupedUploads.blocks` yields it


@dataclass(kw_only=True)
class Selecting(Weighting):
    """Repeats Krum, putting the selected upload aside each time, until n - 2f are selected; all of them if f = 0."""

    score: Score

    selects = True

    def fewest(self, f: Tensor) -> Tensor:
        return 4 * f + 3

    def select(self, apart: Tensor, exists: Tensor, f: Tensor) -> Tensor:
        """Distances [g, n, n] between uploads that exist, [g, n] bool, 0 elsewhere; f [g] -> which are kept, [g, n] bool."""
        return select_one_by_one(apart, exists, exists.sum(1) - 2 * f, left_out(f, self.score))

    def weights(self, products: Tensor, f: Tensor) -> Tensor:
        exists = torch.ones_like(products[..., 0], dtype=torch.bool)
        return self.select(distances(products, self.score), exists, f).to(products.dtype)

    def weights_of_groups(self, uploads: GroupedUploads) -> Tensor:
        """Groups of similar sizes at once: a step costs about as much for one as for many."""
        f, applies = self.tolerated(uploads.sizes), self.applies(uploads.sizes)
        weights = uploads.spread((applies | (self.fallback == "sum")).to(uploads.coefficients.dtype))
        guarded = (applies & (f > 0)).tolist()
        for batch in _batches(block for block in uploads.blocks() if guarded[block[0].start]):
            longest, n_groups = batch[-1][2].shape[1], sum(len(rows) for _, _, rows in batch)
            apart = weights.new_zeros(n_groups, longest, longest)
            exists = torch.zeros(n_groups, longest, dtype=torch.bool, device=weights.device)
            start = 0
            for _, _, rows in batch:
                g, n = rows.shape[:2]
                apart[start : start + g, :n, :n] = distances(rows @ rows.mT, self.score)
                exists[start : start + g, :n] = True
                start += g
            (first, beginning, _), (last, end, _) = batch[0], batch[-1]
            groups, where = slice(first.start, last.stop), slice(beginning.start, end.stop)
            weights[where] = self.select(apart, exists, f[groups])[exists].to(weights.dtype)
        return weights


def _batches(blocks: Iterator[Block]) -> Iterator[list[Block]]:
    """Blocks of similar sizes that follow upon each other, as many as fit into memory together."""
    batch: list[Block] = []
    for block in blocks:
        n, n_groups = block[2].shape[1], block[0].stop - batch[0][0].start if batch else 0
        if batch and (n > PADDING * batch[0][2].shape[1] or n_groups * n**2 > NUMBERS_AT_ONCE or block[0].start > batch[-1][0].stop):
            yield batch
            batch = []
        batch.append(block)
    if batch:
        yield batch
