"""SignGuard against the oracle, with mean shift written out."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedrec.aggregation import WholeUpdates
from fedrec.defenses.sign_guard import SignGuard, largest_cluster, sign_shares
from fedrec.interfaces import ServerKnowledge
from fedrec.models.losses import bce
from fedrec.models.mf import MatrixFactorization
from tests.defenses.selections import check, chosen, run
from tests.defenses.uploads import cases
from tests.reference.defenses import by_sender, vector_of
from tests.reference.whole_update_rules import SignGuardSum, mean_shift


def build(fallback: str = "sum", coordinates: float = 1.0, bounds: tuple[float, float] = (0.1, 3.0), quantile: float = 0.5) -> SignGuard:
    return SignGuard(shortest=bounds[0], longest=bounds[1], coordinates=coordinates, quantile=quantile, fallback=fallback)


@given(
    one=cases(broken=False),
    coordinates=st.sampled_from([0.01, 0.3, 1.0]),
    fallback=st.sampled_from(["sum", "skip"]),
    bounds=st.sampled_from([(0.1, 3.0), (0.5, 1.5)]),
    quantile=st.sampled_from([0.2, 0.5, 1.0]),
)
def test_equals_the_oracle(one, coordinates, fallback, bounds, quantile):
    oracle = SignGuardSum(fallback, chosen(one, coordinates, "sign_guard")[0], bounds, quantile)
    check(one, build(fallback, coordinates, bounds, quantile), oracle)


@given(one=cases(broken=False), coordinates=st.sampled_from([0.01, 0.3, 1.0]))
def test_shares_of_signs(one, coordinates):
    """Rows of zeros, ties and several rows of a client for an item included."""
    rows, parameters, _ = by_sender(one.sent)
    updates = WholeUpdates.of(one.upload, one.view.model)
    drawn = updates.draw_coordinates(coordinates, torch.Generator().manual_seed(1))
    where, found = updates.join(drawn)[0].bool(), sign_shares(updates, drawn)
    for client, (positive, zero, negative) in enumerate(found.tolist()):
        values = vector_of(client, one.view.model.items, one.view.model.scorer, rows, parameters)[where]
        assert (positive, zero, negative) == pytest.approx([float(kind.double().mean()) for kind in (values > 0, values == 0, values < 0)])


@pytest.mark.parametrize("seed", range(5))
def test_mean_shift(seed):
    drawing = torch.Generator().manual_seed(seed)
    points = torch.cat([torch.rand(9, 3, generator=drawing), 0.2 * torch.rand(14, 3, generator=drawing)]).double()
    features = points / (points.amax(0) + 1e-8)
    n_near = int(0.5 * len(points))
    bandwidth = float(torch.cdist(features, features).sort().values[:, n_near - 1].mean())
    members, doubtful = mean_shift(list(features), bandwidth)
    assert not doubtful
    assert largest_cluster(points.numpy(), 0.5).nonzero()[0].tolist() == members


@pytest.mark.parametrize("n", [2, 5, 30, 200])
def test_equal_shares_are_one_cluster(n):
    assert largest_cluster(np.array([[0.013, 0.95, 0.037]] * n), 0.5).all()


def test_lengths_that_nobody_can_have():
    rule = SignGuard(shortest=3.0, longest=3.0, coordinates=0.1, quantile=0.5, fallback="sum")
    with pytest.raises(ValueError, match=r"defense\.shortest = 3\.0: no length"):
        rule.setup(ServerKnowledge(3, 3, MatrixFactorization(dim=2, init_std=1.0), bce, 0, torch.device("cpu")))


def test_whom_it_accepts():
    """Too long, too short, signs of the other kind; the others are clipped to the median length."""
    usual = [[1.0, 1.0, 1.0, -1.0], [1.0, 1.0, -1.0, 1.0], [1.0, -1.0, 1.0, 1.0], [2.0, 2.0, 2.0, -2.0], [1.0, 1.0, 1.0, -1.0]]
    aggregation = run(build(), [*usual, [9.0, 9.0, 9.0, -9.0], [0.01, 0.01, 0.01, -0.01], [-1.0, -1.0, -1.0, -1.0]])
    assert aggregation.accepted.tolist() == [True] * 5 + [False] * 3
    assert aggregation.gradient.items[0].tolist() == pytest.approx([8 / 5 * value for value in (5, 3, 3, -1)])


@pytest.mark.parametrize("vectors", [[[1.0, 2.0]], [[1.0, 2.0], [-2.0, -1.0]], [[1.0, 2.0]] * 7])
def test_few_and_all_alike(vectors):
    aggregation = run(build(), vectors)
    assert aggregation.accepted.all()
    assert torch.allclose(aggregation.gradient.items[0], torch.tensor(vectors).double().sum(0))


@pytest.mark.parametrize("fallback", ["sum", "skip"])
def test_nobody_passes(fallback):
    """Most updates are 0, and the others are too long."""
    vectors = [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [1.0, 2.0], [3.0, 4.0]]
    aggregation = run(build(fallback=fallback), vectors)
    assert aggregation.fell_back.tolist() == [0] and aggregation.inspected is None
    assert aggregation.gradient.items[0].tolist() == ([4.0, 6.0] if fallback == "sum" else [0.0, 0.0])
