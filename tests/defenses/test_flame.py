"""FLAME against the oracle and against HDBSCAN."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given

from fedrec.aggregation.aggregate import aggregate
from fedrec.defenses.flame import Flame, cosine_distances, majority
from fedrec.interfaces import Defense
from tests.defenses.selections import check, of_vectors, run
from tests.defenses.uploads import cases
from tests.reference.whole_update_rules import FlameSum


@given(one=cases())
def test_equals_the_oracle(one):
    check(one, Flame(noise=0.0), FlameSum())


@pytest.mark.parametrize("n", [2, 3, 4, 9, 40, 61])
@pytest.mark.parametrize("seed", range(4))
def test_the_majority_is_the_cluster_of_hdbscan(n, seed):
    cluster = pytest.importorskip("sklearn.cluster")
    vectors = torch.randn(n, 3, generator=torch.Generator().manual_seed(seed)).double()
    vectors[: n // 4] += 3
    distances = cosine_distances((vectors @ vectors.T).numpy())
    labels = (
        cluster.HDBSCAN(n // 2 + 1, min_samples=1, metric="precomputed", allow_single_cluster=True, copy=True).fit(distances.copy()).labels_
    )
    assert majority(distances).tolist() == (labels == 0).tolist()


def test_sybils_that_point_elsewhere_are_left_out_and_long_updates_are_clipped():
    aggregation = run(Flame(noise=0.0), [[1.0, 0.1], [8.0, 0.0], [1.0, -0.1], [-1.0, 3.0], [-1.0, 3.0]])
    assert aggregation.accepted.tolist() == [True, True, True, False, False]
    median = 10**0.5
    expected = 5 / 3 * torch.tensor([1 + median + 1, 0.0]).double()
    assert torch.allclose(aggregation.gradient.items[0], expected)


@pytest.mark.parametrize("vectors", [[[1.0, 2.0]], [[1.0, 0.0], [-1.0, 0.0]], [[0.0, 0.0]] * 3, [[2.0, 1.0]] * 5])
def test_few_all_alike_and_all_zero(vectors):
    aggregation = run(Flame(noise=0.0), vectors)
    assert aggregation.accepted.all()
    assert torch.allclose(aggregation.gradient.items[0], torch.tensor(vectors).double().sum(0))
    assert len(aggregation.unguarded) == (len(vectors) < 3)


def test_noise_has_the_size_of_the_median_length_and_is_drawn_anew_in_each_round():
    one, rule = of_vectors([[3.0, 4.0] * 500] * 4), Flame(noise=0.1)
    silent, first, again, later = (
        aggregate(Defense(server=rule), one.upload, view)[0].gradient.items[0]
        for rule, view in [(Flame(noise=0.0), one.view), (rule, one.view), (rule, one.view), (rule, replace(one.view, round=1))]
    )
    length = 5 * 500**0.5
    assert torch.equal(first, again) and not torch.equal(first, later)
    assert float((first - silent).std()) == pytest.approx(4 * 0.1 * length, rel=0.1)
