"""Rules against those of another library, ByzFL (Gonzalez et al., 2025), where every item gets a row from everybody.

ByzFL returns what stands for one upload, `fedrec` n times that. Which of its definitions differ is said where they are compared.
"""

import numpy as np
import pytest
import torch

from experiments.timing.byzfl_rules import aggregators
from fedrec.aggregation import selecting
from fedrec.aggregation.aggregate import aggregate
from fedrec.defenses.arc import AdaptiveRobustClipping
from fedrec.defenses.bucketing import Bucketing
from fedrec.defenses.centered_clipping import CenteredClipping
from fedrec.defenses.geometric_median import GeometricMedian
from fedrec.defenses.krum import Krum
from fedrec.defenses.median import Median
from fedrec.defenses.multi_krum import MultiKrum
from fedrec.defenses.nnm import NearestNeighborMixing
from fedrec.defenses.norm_bound import NormBound
from fedrec.defenses.trimmed_mean import TrimmedMean
from fedrec.interfaces import Defense
from tests.defenses.uploads import Case, of_rows

N_ITEMS = 4
CASES = [(n, f, d, seed) for seed, (n, f) in enumerate([(3, 1), (5, 0), (7, 2), (12, 1), (20, 4), (31, 9), (61, 12)]) for d in (1, 8, 33)]
for_all = pytest.mark.parametrize(("n", "f", "d", "seed"), CASES)


@pytest.fixture(scope="module", name="byzfl")
def _byzfl():
    if (found := aggregators()) is None:
        pytest.skip("byzfl is not installed")
    return found


def drawn(n: int, d: int, seed: int) -> tuple[np.ndarray, Case]:
    """Rows [items, n, d], some far from the others."""
    drawing = torch.Generator().manual_seed(seed)
    rows = torch.randn(N_ITEMS, n, d, generator=drawing).double() + torch.randn(N_ITEMS, 1, d, generator=drawing).double()
    rows[:, : n // 5] *= 20
    items, senders = torch.arange(N_ITEMS).repeat_interleave(n), torch.arange(n).repeat(N_ITEMS)
    return rows.numpy(), of_rows(items, senders, rows.flatten(0, 1), n)


def of_one(one: Case, n: int, server=None, transforms=()) -> np.ndarray:
    aggregation, _ = aggregate(Defense(server=server, transforms=transforms), one.upload, one.view)
    assert aggregation.fell_back is None or not len(aggregation.fell_back)
    return aggregation.gradient.items.numpy() / n  # [items, d]


def same(actual, expected, tolerance=1e-9):
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


@for_all
def test_median(byzfl, n, f, d, seed):
    rows, one = drawn(n, d, seed)
    same(of_one(one, n, Median()), [byzfl.Median()(group) for group in rows])


@for_all
@pytest.mark.parametrize(("score", "name"), [("original", "TrMean"), ("paper", "Meamed")])
def test_trimmed_mean(byzfl, n, f, d, seed, score, name):
    rows, one = drawn(n, d, seed)
    rule = TrimmedMean(malicious_share=f / n, fallback="sum", score=score, scorer_share="senders")
    same(of_one(one, n, rule), [getattr(byzfl, name)(f)(group) for group in rows])


@for_all
def test_krum(byzfl, n, f, d, seed):
    """ByzFL sums over n - f - 1 neighbours, the paper over n - f - 2: its Krum(f + 1) is the paper's Krum(f)."""
    if n < 2 * f + 3:
        pytest.skip("too few uploads for this f")
    rows, one = drawn(n, d, seed)
    rule = Krum(malicious_share=f / n, fallback="sum", scope="per_item", score="original", scorer_share="senders")
    same(of_one(one, n, rule), [byzfl.Krum(f + 1)(group) for group in rows])


@for_all
def test_multi_krum(byzfl, n, f, d, seed, monkeypatch):
    """ByzFL selects n - f, too, but by the scores of its Krum(f), so here one more neighbour counts."""
    if n < 2 * f + 3:
        pytest.skip("too few uploads for this f")
    monkeypatch.setattr(selecting, "left_out", lambda f, score: f)
    rows, one = drawn(n, d, seed)
    rule = MultiKrum(malicious_share=f / n, fallback="sum", scope="per_item", score="original", scorer_share="senders")
    same(of_one(one, n - f, rule), [byzfl.MultiKrum(f)(group) for group in rows])


@for_all
def test_geometric_median(byzfl, n, f, d, seed):
    """ByzFL begins at 0 instead of the mean: both are iterated until neither moves."""
    if d == 1 and n % 2 == 0:
        pytest.skip("on a line, all points between the two in the middle are medians")
    rows, one = drawn(n, d, seed)
    rule = GeometricMedian(iterations=3000, smoothing=0.1, scope="per_item")
    same(of_one(one, n, rule), [byzfl.GeometricMedian(nu=0.1, T=3000)(group) for group in rows], 1e-6)


@for_all
@pytest.mark.parametrize("iterations", [1, 3])
def test_centered_clipping(byzfl, n, f, d, seed, iterations):
    """Three rounds, each from where the one before ended."""
    rule = CenteredClipping(tau=0.7, iterations=iterations, scope="per_item")
    others = [byzfl.CenteredClipping(L=iterations, tau=0.7) for _ in range(N_ITEMS)]
    for round in range(3):
        rows, one = drawn(n, d, 10 * seed + round)
        same(of_one(one, n, rule), [other(group) for other, group in zip(others, rows, strict=True)])


@for_all
def test_nearest_neighbor_mixing(byzfl, n, f, d, seed):
    rows, one = drawn(n, d, seed)
    mixed = NearestNeighborMixing(malicious_share=f / n)(one.upload, one.view)
    same(mixed.rows.view(N_ITEMS, n, d).numpy(), [byzfl.NNM(f)(group) for group in rows])


@for_all
def test_mixing_before_median(byzfl, n, f, d, seed):
    rows, one = drawn(n, d, seed)
    actual = of_one(one, n, Median(), [NearestNeighborMixing(malicious_share=f / n)])
    same(actual, [byzfl.Median()(byzfl.NNM(f)(group)) for group in rows])


@for_all
def test_norm_bound(byzfl, n, f, d, seed):
    rows, one = drawn(n, d, seed)
    clipped = of_one(one, n, None, [NormBound(C=1.5, scope="per_item")])
    same(clipped, [byzfl.Clipping(1.5)(group.copy()).mean(0) for group in rows])


@for_all
def test_adaptive_robust_clipping(byzfl, n, f, d, seed):
    rows, one = drawn(n, d, seed)
    clipped = AdaptiveRobustClipping(malicious_share=f / n, scope="per_item")(one.upload, one.view)
    same(clipped.rows.view(N_ITEMS, n, d).numpy(), [byzfl.ARC(f)(group.copy()) for group in rows])


@for_all
@pytest.mark.parametrize("s", [2, 3])
def test_bucketing_before_median(byzfl, n, f, d, seed, s, monkeypatch):
    """ByzFL is given the same shuffle. It passes on one mean for each bucket, so only buckets of the same size make the same median."""
    if n % s:
        pytest.skip("the last bucket is smaller")
    rows, one = drawn(n, d, seed)
    order = torch.randperm(n, generator=one.view.generator("bucketing")).argsort().numpy()
    monkeypatch.setattr(np.random, "permutation", lambda vectors: vectors[order])
    actual = of_one(one, n, Median(), [Bucketing(s=s, scope="per_item")])
    same(actual, [byzfl.Median()(byzfl.Bucketing(s)(group)) for group in rows])
