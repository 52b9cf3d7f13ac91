"""Whole updates against the vectors that they never make."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from fedrec.aggregation import WholeUpdates
from fedrec.interfaces import GlobalModel
from tests.defenses.uploads import cases, of_rows
from tests.reference.defenses import by_sender, vector_of


def made(one):
    """The updates of a case, and their vectors [S, P]."""
    rows, parameters, _ = by_sender(one.sent)
    items, scorer = one.view.model.items, one.view.model.scorer
    vectors = [vector_of(client, items, scorer, rows, parameters) for client in range(len(one.sent))]
    return WholeUpdates.of(one.upload, one.view.model), torch.stack(vectors)


@given(one=cases(broken=False), seed=st.integers(0, 9))
def test_numbers_of_updates(one, seed):
    updates, vectors = made(one)
    drawing = torch.Generator().manual_seed(seed)
    weights = torch.rand(len(vectors), generator=drawing).double()
    centre = torch.randn(1, vectors.shape[1], generator=drawing).double()
    assert updates.sizes.tolist() == [len(vectors)]
    assert torch.allclose(updates.sum(weights), weights @ vectors)
    assert torch.allclose(updates.sum(weights, weights < 0.5), (weights * (weights < 0.5)) @ vectors)
    assert torch.allclose(updates.distances(centre), (vectors - centre).norm(dim=1))
    assert torch.allclose(updates.lengths(), vectors.norm(dim=1), atol=1e-7)
    assert torch.allclose(torch.from_numpy(updates.for_loops().products), vectors @ vectors.T)
    assert torch.allclose(updates.along(centre), vectors @ centre[0])
    assert torch.allclose(updates.totals(weights), weights.sum())
    assert torch.allclose(updates.uniform_weights, torch.full_like(weights, 1 / len(vectors)))


@given(one=cases(broken=False))
def test_splitting_undoes_joining(one):
    updates, vectors = made(one)
    model = updates.split(vectors[0])
    assert model.items.shape == one.view.model.items.shape
    assert {name: value.shape for name, value in model.scorer.items()} == {
        name: value.shape for name, value in one.view.model.scorer.items()
    }
    assert torch.equal(updates.join(model), vectors[:1])
    without = updates.join(GlobalModel(model.items))  # a missing tensor is 0
    assert torch.equal(without[0, : model.items.numel()], vectors[0, : model.items.numel()])
    assert not without[0, model.items.numel() :].any()


@given(one=cases(broken=False), share=st.sampled_from([1e-6, 0.2, 0.5, 1.0]), seed=st.integers(0, 9))
def test_as_many_coordinates_are_drawn_as_the_share_says(one, share, seed):
    updates, _ = made(one)
    drawn = updates.draw_coordinates(share, torch.Generator().manual_seed(seed))
    chosen = updates.join(drawn)[0].bool()
    assert int(chosen.sum()) == max(1, int(share * len(chosen)))


def test_other_coordinates_are_drawn_each_time():
    updates, _ = made(of_rows(torch.zeros(1).int(), torch.zeros(1).long(), torch.ones(1, 100).double(), 1))
    drawing = torch.Generator().manual_seed(0)
    first, second = (updates.draw_coordinates(0.2, drawing).items for _ in range(2))
    assert first.sum() == second.sum() == 20 and not torch.equal(first, second)
