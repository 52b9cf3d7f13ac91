"""Selecting uploads in every group by the distances between them; groups of similar sizes are handled together.

To select one upload after another costs about as much in one group as in many.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from fedrec.aggregation.grouped_uploads import NUMBERS_AT_ONCE, Block, GroupedUploads
from fedrec.aggregation.krum_score import Score, pairwise_distances
from fedrec.aggregation.rule import Fallback

SIMILAR = 1.25  # of groups that are handled together, the largest has at most so many times the uploads of the smallest

# distances [g, n, n] between uploads, 0 for those that do not exist; which uploads exist [g, n] bool; f -> the selected ones [g, n] bool
Select = Callable[[Tensor, Tensor, int], Tensor]


def select_uploads(uploads: GroupedUploads, select: Select, f: Tensor, applies: Tensor, fallback: Fallback, score: Score) -> Tensor:
    """Return which uploads are accepted, [N] bool: in a group to which a rule applies [J] bool those that it selects for f [J].

    All are accepted where f = 0. Where the rule does not apply, all are if the fallback is their sum, and none otherwise.
    """
    accepted, numbers = uploads.repeat_by_group(applies | (fallback == "sum")), f.tolist()
    for batch in _batches(uploads.blocks(), numbers, (applies & (f > 0)).tolist()):
        distances, exists = _distances(uploads, batch, score)
        selected = select(distances, exists, numbers[batch[0].groups.start])
        accepted[batch[0].uploads.start : batch[-1].uploads.stop] = selected[exists] if len(batch) > 1 else selected.flatten()
    return accepted


def _batches(blocks: Iterable[Block], f: list[int], groups: list[bool]) -> Iterator[list[Block]]:
    """Yield the blocks of marked groups; neighbours of similar sizes and the same f together, as long as they fit into memory."""
    batch: list[Block] = []
    for block in blocks:
        if not groups[block.groups.start]:
            continue
        if batch:
            first, last, n_groups = batch[0], batch[-1], block.groups.stop - batch[0].groups.start
            alike = block.size <= SIMILAR * first.size and f[block.groups.start] == f[first.groups.start]
            if not alike or block.groups.start != last.groups.stop or n_groups * block.size**2 > NUMBERS_AT_ONCE:
                yield batch
                batch = []
        batch.append(block)
    if batch:
        yield batch


def _distances(uploads: GroupedUploads, batch: Sequence[Block], score: Score) -> tuple[Tensor, Tensor]:
    """Return the distances [g, n, n] between the uploads of a batch and which uploads exist [g, n] bool."""
    first, *rest = batch
    distances = pairwise_distances(uploads.products_of(first), score)
    if not rest:
        return distances, distances.new_ones(distances.shape[:2], dtype=torch.bool)
    sizes, n = uploads.sizes[first.groups.start : rest[-1].groups.stop], rest[-1].size
    distances = pad(distances, (0, n - first.size, 0, n - first.size, 0, len(sizes) - len(distances)))
    for block in rest:
        here = slice(block.groups.start - first.groups.start, block.groups.stop - first.groups.start)
        distances[here, : block.size, : block.size] = pairwise_distances(uploads.products_of(block), score)
    return distances, torch.arange(n, device=sizes.device) < sizes[:, None]
