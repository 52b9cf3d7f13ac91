"""The popularity estimator of PIPA learns levels of popularity from the embeddings of all items but the targets."""

import pytest
import torch

from fedrec.poisoning.popularity_estimator import HIGH, PopularityEstimator


def clustered(seed):
    """Return items whose embedding [M, d] shows their level, and the levels; those of the targets are wrong."""
    generator = torch.Generator().manual_seed(seed)
    levels = torch.arange(90) % 3
    items = torch.tensor([[2.0, 0.0], [0.0, 2.0], [-2.0, -2.0]])[levels] + 0.3 * torch.randn(90, 2, generator=generator)
    targets = torch.tensor([2, 5])
    levels[targets] = HIGH
    return items, levels, targets, generator


@pytest.mark.parametrize("seed", range(3))
def test_the_estimator_learns_the_levels_of_all_items_but_the_targets(seed):
    items, levels, targets, generator = clustered(seed)
    estimator = PopularityEstimator(levels, targets, 2, 16, 0.01, 300, generator)
    estimator.fit(items)
    unaware = PopularityEstimator(levels.clone().index_fill_(0, targets, 1), targets, 2, 16, 0.01, 300, clustered(seed)[-1])
    unaware.fit(items.index_fill(0, targets, 9.0))
    assert all(torch.equal(*pair) for pair in zip(estimator.parameters, unaware.parameters, strict=True))
    others = torch.tensor([item not in targets.tolist() for item in range(90)])
    learnt = estimator.scores(items).argmax(1)
    assert torch.equal(learnt[others], levels[others])
    assert learnt[targets].tolist() == [2, 2]  # what their embeddings say
