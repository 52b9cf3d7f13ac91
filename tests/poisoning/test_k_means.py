"""K-means and silhouettes equal the plain loops of the oracle, several clusterings at once."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedrec.poisoning.k_means import k_means, silhouettes
from tests.reference.untargeted_attacks import lloyd, silhouette


@st.composite
def clusterings(draw):
    """Draw points, some of which may be equal, and the numbers of the clusters of several clusterings."""
    n, seed = draw(st.integers(3, 12)), draw(st.integers(0, 999))
    points = torch.randn(n, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    if draw(st.booleans()):
        points = points.round()
    return points, draw(st.lists(st.integers(1, n - 1), min_size=1, max_size=3))


@given(drawn=clusterings())
def test_each_clustering_is_that_of_the_loop(drawn):
    points, sizes = drawn
    most = max(sizes)
    used = torch.arange(most) < torch.tensor(sizes)[:, None]
    centres, labels = k_means(points, points[:most].expand(len(sizes), -1, -1), used)
    means = silhouettes(points, labels, most)
    for number, size in enumerate(sizes):
        expected, belongs = lloyd(list(points), list(points[:size]))
        own = centres[number, :size]
        distances = torch.cdist(points, own)
        assert torch.allclose(distances.gather(1, labels[number, :, None])[:, 0], distances.amin(1), atol=1e-4)
        if labels[number].tolist() == belongs:  # of equally near centres either may be taken
            assert torch.allclose(own, torch.stack(expected))
            assert float(means[number]) == pytest.approx(silhouette(list(points), belongs))


def test_clusters_that_lie_apart_are_found_and_have_the_best_silhouette():
    generator = torch.Generator().manual_seed(0)
    points = torch.cat([centre + 0.1 * torch.randn(10, 3, generator=generator) for centre in (0.0, 5.0, 9.0)])
    used = torch.arange(4) < torch.tensor([2, 3, 4])[:, None]
    _, labels = k_means(points, points[[0, 10, 20, 25]].expand(3, -1, -1), used)
    assert labels[1].tolist() == [0] * 10 + [1] * 10 + [2] * 10
    assert int(silhouettes(points, labels, 4).argmax()) == 1


def test_one_cluster_has_the_worst_silhouette():
    assert silhouettes(torch.randn(5, 2), torch.zeros(1, 5, dtype=torch.int64), 3).tolist() == [-1.0]
