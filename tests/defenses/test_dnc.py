"""DnC against the oracle, which takes the singular vectors of the updates themselves."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedrec.aggregation import WholeUpdates
from fedrec.defenses.dnc import DivideAndConquer, outlier_scores, products_within
from tests.defenses.selections import check, chosen, run
from tests.defenses.uploads import MORE, cases
from tests.reference.defenses import by_sender, vector_of
from tests.reference.whole_update_rules import DivideAndConquerSum


def build(share: float, iterations: int = 5, coordinates: float = 1.0, fallback: str = "sum") -> DivideAndConquer:
    return DivideAndConquer(malicious_share=share, iterations=iterations, coordinates=coordinates, fallback=fallback)


@MORE
@given(
    one=cases(whole_numbers=False, broken=False),
    share=st.sampled_from([0.0, 0.1, 0.2, 0.34, 0.5]),
    iterations=st.integers(1, 4),
    coordinates=st.sampled_from([0.01, 0.3, 1.0]),
    fallback=st.sampled_from(["sum", "skip"]),
)
def test_equals_the_oracle(one, share, iterations, coordinates, fallback):
    expected = DivideAndConquerSum(fallback, share, chosen(one, coordinates, "dnc", iterations))
    check(one, build(share, iterations, coordinates, fallback), expected)


@given(one=cases(broken=False), share=st.sampled_from([1e-6, 0.2, 0.5, 1.0]), seed=st.integers(0, 9))
def test_products_of_updates_in_drawn_coordinates(one, share, seed):
    updates = WholeUpdates.of(one.upload, one.view.model)
    drawn = updates.draw_coordinates(share, torch.Generator().manual_seed(seed))
    rows, parameters, _ = by_sender(one.sent)
    items, scorer = one.view.model.items, one.view.model.scorer
    vectors = torch.stack([vector_of(client, items, scorer, rows, parameters) for client in range(len(one.sent))])
    chosen = vectors[:, updates.join(drawn)[0].bool()]
    products = products_within(updates, drawn)
    assert torch.allclose(products, chosen @ chosen.T)
    assert torch.equal(products, products.T)


@pytest.mark.parametrize("size", [1.0, 1e-15])
@pytest.mark.parametrize("kind", ["random", "rank 1", "rank 2", "two alike", "opposites", "crowded"])
def test_scores_of_many_updates(kind, size):
    """More than of the other tests, so that one eigenvector is sought alone; of a crowded spectrum it is not found that way."""
    vectors = torch.randn(100, 60, generator=torch.Generator().manual_seed(1)).double()
    if kind.startswith("rank"):
        rank = int(kind[-1])
        vectors = vectors[:, :rank] @ vectors[:rank]
    elif kind == "two alike":
        vectors[7] = vectors[93] = 5 * vectors[8]
    elif kind == "opposites":
        vectors = torch.cat([vectors[:50], -vectors[:50]])
    elif kind == "crowded":
        vectors = torch.linalg.svd(vectors - vectors.mean(0), full_matrices=False).U * (1 - 1e-6 * torch.arange(60))
    vectors = size * vectors
    scores = torch.linalg.svd(vectors - vectors.mean(0), full_matrices=False).U[:, 0].square()
    found = outlier_scores(vectors @ vectors.T)
    assert torch.allclose(found, scores / scores.max(), atol=1e-8 if kind != "crowded" else 1e-6)
    assert kind != "two alike" or found[7] == found[93]


@pytest.mark.parametrize("value", [0.0, 0.1])
def test_of_many_equal_updates_any_may_be_left_out(value):
    assert int(run(build(0.2), [[value, value]] * 100).accepted.sum()) >= 100 - 5 * 20


def test_those_who_stand_out_together_are_left_out():
    drawing = torch.Generator().manual_seed(0)
    vectors = 0.1 * torch.randn(20, 8, generator=drawing)
    vectors[[3, 11]] += 1.0
    aggregation = run(build(0.1), vectors.tolist())
    assert aggregation.inspected[~aggregation.accepted].tolist() == [3, 11]
    others = [number for number in range(20) if number not in (3, 11)]
    assert torch.allclose(aggregation.gradient.items[0], 20 / 18 * vectors[others].double().sum(0))


@pytest.mark.parametrize("fallback", ["sum", "skip"])
def test_too_few_clients(fallback):
    aggregation = run(build(0.5, fallback=fallback), [[1.0, 2.0], [3.0, 4.0]])
    assert aggregation.fell_back.tolist() == [0] and aggregation.inspected is None
    assert aggregation.gradient.items[0].tolist() == ([4.0, 6.0] if fallback == "sum" else [0.0, 0.0])


@pytest.mark.parametrize("value", [0.0, 2.0])
def test_of_equal_updates_any_may_be_left_out(value):
    aggregation = run(build(0.2), [[value, value]] * 10)
    assert aggregation.gradient.items[0].tolist() == pytest.approx([10 * value] * 2)
    assert int(aggregation.accepted.sum()) == 8


def test_without_malicious_clients_to_expect_it_is_the_sum():
    aggregation = run(build(0.05), [[1.0, 2.0], [3.0, 4.0], [-5.0, 0.0]])
    assert aggregation.gradient.items[0].tolist() == [-1.0, 6.0]
    assert aggregation.unguarded.tolist() == [0] and aggregation.accepted.all()
