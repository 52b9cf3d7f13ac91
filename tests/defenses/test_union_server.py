"""The server half of UNION against the oracle, under every optimizer of the server, and its gap statistic by hand."""

import copy
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedrec.aggregation.aggregate import aggregate
from fedrec.defenses.union_server import UnionServer, minority
from fedrec.federation.server_optimizer import ServerOptimizer
from fedrec.interfaces import Aggregation, Defense, GlobalModel, ServerKnowledge, ServerView, Upload
from fedrec.models.losses import bce
from fedrec.randomness import generator
from tests.defenses.uploads import KINDS, case
from tests.reference.defenses import heard
from tests.reference.federations import MODELS
from tests.reference.filtering_defenses import UnionSum


def begun(n_clients, n_items, sampled_items=8, resamples=6):
    rule = UnionServer(sampled_items=sampled_items, resamples=resamples)
    rule.setup(ServerKnowledge(n_clients, n_items, MODELS["mf"], bce, 0, torch.device("cpu")))
    return rule


@given(data=st.data())
def test_equals_the_oracle(data):
    """Some, all or none of the items are sampled, and some clients send nothing for them."""
    draw = data.draw
    n, n_items, seed = draw(st.integers(1, 12)), draw(st.integers(1, 12)), draw(st.integers(0, 999))
    options = {"parameters": draw(st.booleans()), "broken": draw(st.sampled_from([0.0, 0.2])), "silent": draw(st.sampled_from([0.0, 0.3]))}
    rule = begun(n, n_items, draw(st.integers(1, 14)), draw(st.integers(1, 6)))
    optimizer = ServerOptimizer(draw(st.sampled_from(["sgd", "momentum", "adam"])), 0.5)
    one = case(seed, n, n_items, draw(st.integers(0, 8)), draw(KINDS), **options)
    items = torch.randn(n_items, 3, generator=generator(seed, "items")).double()
    for round in range(2):
        view = replace(one.view, round=round, model=replace(one.view.model, items=items), optimizer=optimizer.change_of)
        aggregation, _ = aggregate(Defense(server=rule), one.upload, view)
        drawing, expected = generator(rule.known.seed, f"round/{round}"), UnionSum()
        sample = torch.randperm(n_items, generator=drawing)[: rule.sampled_items].tolist()
        uniform = torch.rand(rule.resamples, len(heard(one.sent)), dtype=torch.float64, generator=drawing).tolist()

        def moved(gradient):
            return copy.deepcopy(optimizer).changes(Aggregation(GlobalModel(gradient)), GlobalModel(items))[0].items

        total, parameters = expected(items, one.view.model.scorer, one.sent, moved, sample, uniform)
        assert aggregation.inspected.tolist() == heard(one.sent)
        assert aggregation.inspected[aggregation.accepted].tolist() == expected.kept
        assert torch.allclose(aggregation.gradient.items, total, rtol=1e-9, atol=1e-9)
        for name, value in aggregation.gradient.scorer.items():
            assert torch.allclose(value, parameters[name], rtol=1e-9, atol=1e-9)
        optimizer.changes(Aggregation(aggregation.gradient), GlobalModel(items))


def test_a_distant_minority_is_dropped_and_an_even_spread_is_not():
    uniform = torch.rand(50, 40, generator=generator(0, "uniform"))
    bulk = torch.linspace(0.9, 1.0, 36)
    assert minority(torch.cat([bulk, torch.tensor([0.0, 0.01, 0.02, 0.03])]), uniform).tolist() == [False] * 36 + [True] * 4
    assert not minority(torch.linspace(2, 3, 40), uniform).any()


@pytest.mark.parametrize("values", [[1.0, 1.0, 1.0], [1.0, 5.0], [3.0], [1.0, 1.0, 5.0, 5.0], []])
def test_without_a_minority_nobody_is_dropped(values):
    assert not minority(torch.tensor(values).double(), torch.rand(5, len(values)).double()).any()


def test_who_gathers_the_items_in_one_point_is_dropped():
    """Nine clients send small rows for a few items, and one moves all items half of the way to their mean."""
    n_items, drawing = 30, generator(0, "rows")
    items = torch.randn(n_items, 3, generator=drawing)
    rule = begun(10, n_items, sampled_items=20, resamples=50)
    few = torch.stack([torch.randperm(n_items, generator=drawing)[:5] for _ in range(9)]).flatten()
    rows = torch.cat([0.01 * torch.randn(45, 3, generator=drawing), 0.5 * (items - items.mean(0))])
    senders = torch.cat([torch.arange(9).repeat_interleave(5), torch.full((n_items,), 9)])
    upload = Upload.of_rows(torch.arange(10), torch.cat([few, torch.arange(n_items)]), senders, rows)
    aggregation, _ = aggregate(Defense(server=rule), upload, ServerView(0, GlobalModel(items), 1.0))
    assert aggregation.accepted.tolist() == [True] * 9 + [False]
