"""Medians and trimmed means of each coordinate of grouped uploads, all groups at once.

Values [p, N] ascend in each of J groups (`GroupedUploads.ascending`); sizes [J] are n_j. The means overwrite the values.
"""

import torch
from torch import Tensor

from fedrec.ragged import repeat_each, scalar_segment_sum


def medians(ascending: Tensor, sizes: Tensor) -> Tensor:
    """Return the medians, [p, J]; of an even number of values the mean of the two in the middle, of none 0.

    >>> medians(torch.tensor([[1.0, 2.0, 5.0, 9.0]]), torch.tensor([3, 0, 1])).tolist()
    [[2.0, 0.0, 9.0]]
    """
    starts, filled = sizes.cumsum(0) - sizes, sizes > 0
    middle = torch.stack([(sizes - 1) // 2, sizes // 2]) + starts  # [2, J]
    values = ascending.index_select(1, middle[:, filled].flatten()).unflatten(1, (2, -1))
    result = ascending.new_zeros(len(ascending), len(sizes))
    result[:, filled] = (values[:, 0] + values[:, 1]) / 2
    return result


def means_around_median(ascending: Tensor, sizes: Tensor, n_removed: Tensor) -> Tensor:
    """Return the means without the n_removed [J] values farthest from the median, [p, J]; of two equally far ones the larger is removed.

    The values that stay are neighbours. So of a value and the one n_j - n_removed ranks above it at most one stays: the closer one.

    >>> means_around_median(torch.tensor([[0.0, 1.0, 2.0, 7.0]]), torch.tensor([4]), torch.tensor([2])).tolist()
    [[1.5]]
    """
    groups, low = _lowest(sizes, n_removed)
    high = low + (sizes - n_removed).index_select(0, groups)
    middle = medians(ascending, sizes).index_select(1, groups)
    low_stays = ascending.index_select(1, low) + ascending.index_select(1, high) >= 2 * middle
    ascending[:, low] *= low_stays
    ascending[:, high] *= ~low_stays
    return _means(ascending, sizes, n_removed)


def means_without_ends(ascending: Tensor, sizes: Tensor, n_removed: Tensor) -> Tensor:
    """Return the means without the n_removed [J] smallest and the n_removed largest values, [p, J]; n_removed < n_j / 2.

    >>> means_without_ends(torch.tensor([[0.0, 1.0, 2.0, 7.0]]), torch.tensor([4]), torch.tensor([1])).tolist()
    [[1.5]]
    """
    groups, low = _lowest(sizes, n_removed)
    starts = sizes.cumsum(0) - sizes
    high = (2 * starts + sizes - 1).index_select(0, groups) - low
    ascending[:, low] = ascending[:, high] = 0
    return _means(ascending, sizes, 2 * n_removed)


def _lowest(sizes: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor]:
    """Return the group and the position of the first `numbers` [J] values of each group."""
    starts = sizes.cumsum(0) - sizes
    groups = repeat_each(torch.arange(len(sizes), device=sizes.device), numbers)
    ranks = torch.arange(len(groups), device=sizes.device) - (numbers.cumsum(0) - numbers).index_select(0, groups)
    return groups, starts.index_select(0, groups) + ranks


def _means(values: Tensor, sizes: Tensor, n_removed: Tensor) -> Tensor:
    """Return the means of each group's values; those that were removed are 0 by now."""
    offsets = torch.cat([sizes.new_zeros(1), sizes.cumsum(0)])
    return scalar_segment_sum(values, offsets) / (sizes - n_removed).clamp(min=1)
