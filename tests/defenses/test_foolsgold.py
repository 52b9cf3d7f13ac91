"""FoolsGold with exact histories against the oracle. Sketches of histories: tests/aggregation/test_count_sketch.py."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedrec.aggregation.aggregate import aggregate
from fedrec.aggregation.count_sketch import CountSketch
from fedrec.defenses.foolsgold import FoolsGold
from fedrec.interfaces import Defense, GlobalModel, ServerKnowledge
from fedrec.models.losses import bce
from fedrec.models.mf import MatrixFactorization
from tests.defenses.uploads import KINDS, MORE, case, of_rows
from tests.reference.defenses import heard
from tests.reference.weighing import FoolsGoldSum


class Model(MatrixFactorization):
    """A model whose global parameters are given."""

    def __init__(self, model: GlobalModel) -> None:
        self.model = model

    def initialise(self, n_users, n_items, generator):
        return torch.zeros(n_users, 1), self.model


def begun(model: GlobalModel, n_clients: int, kappa: float = 1.0, sketch_size: int = 64) -> FoolsGold:
    rule = FoolsGold(kappa=kappa, sketch_size=sketch_size)
    rule.setup(ServerKnowledge(n_clients, len(model.items), Model(model), bce, 0, torch.device("cpu")))
    return rule


def exact(model: GlobalModel, n_clients: int, kappa: float = 1.0) -> FoolsGold:
    """Return a rule whose sketch has a bucket for each coordinate, so that it is exact."""
    sizes = {name: value.numel() for name, value in model.scorer.items()}
    size = model.items.numel() + sum(sizes.values())
    rule = begun(model, n_clients, kappa, size)
    of_items, *others = torch.arange(size).split([model.items.numel(), *sizes.values()])
    scorer = {name: one.view_as(model.scorer[name]) for name, one in zip(sizes, others, strict=True)}
    rule.sketch = CountSketch(size, GlobalModel(of_items.view_as(model.items), scorer), rule.sketch.signs)
    return rule


def check(rounds, n_clients, clients, kappa=1.0):
    """Compare over rounds in which these clients send what the cases say. The rule is saved and loaded between them."""
    model = rounds[0].view.model
    rule, expected = exact(model, n_clients, kappa), FoolsGoldSum(kappa)
    for one in rounds:
        upload = replace(one.upload, clients=clients)
        aggregation, _ = aggregate(Defense(server=rule), upload, one.view)
        total, parameters = expected(model.items, model.scorer, one.sent, clients.tolist())
        assert torch.allclose(aggregation.gradient.items, total, rtol=1e-6, atol=1e-6)
        for name, value in aggregation.gradient.scorer.items():
            assert torch.allclose(value, parameters[name], rtol=1e-6, atol=1e-6)
        assert aggregation.inspected.tolist() == heard(one.sent)
        state, rule = rule.state_dict(), exact(model, n_clients, kappa)
        rule.load_state_dict(state)
    return aggregation, expected


@MORE
@given(data=st.data())
def test_equals_the_oracle(data):
    draw = data.draw
    n, parameters, broken = draw(st.integers(1, 12)), draw(st.booleans()), draw(st.sampled_from([0.0, 0.2]))
    shape = (n, draw(st.integers(1, 6)), draw(st.integers(0, 5)), draw(KINDS))
    options = {"parameters": parameters, "broken": broken, "silent": draw(st.sampled_from([0.0, 0.3])), "ties": draw(st.booleans())}
    seed = draw(st.integers(0, 999))
    clients = torch.randperm(n + 2, generator=torch.Generator().manual_seed(seed))[:n]
    rounds = [case(seed + number, *shape, **options) for number in range(2)]
    check(rounds, n + 2, clients, draw(st.sampled_from([0.5, 1.0, 3.0])))


def test_sybils_weigh_nothing():
    """Two clients always send the same, three others differ."""
    rows = torch.tensor([[1.0, 0, 0, 0], [0, 1.0, 0, 0], [0, 0, 1.0, 0], [0, 0, 0.1, 1.0], [0, 0, 0.1, 1.0]]).double()
    one = of_rows(torch.zeros(5).int(), torch.arange(5), rows, 5)
    aggregation, expected = check([one], 5, torch.arange(5))
    assert expected.weights == [1, 1, 1, 0, 0]
    assert aggregation.accepted.tolist() == [True, True, True, False, False]


@pytest.mark.parametrize(("rows", "weight"), [([[1.0, 2.0]], 1), ([[0.0, 0.0]], 1), ([[1.0, 2.0], [2.0, 4.0]], 0)])
def test_alone_and_nobody_left(rows, weight):
    one = of_rows(torch.zeros(len(rows)).int(), torch.arange(len(rows)), torch.tensor(rows).double(), len(rows))
    aggregation, _ = check([one], len(rows), torch.arange(len(rows)))
    assert torch.equal(aggregation.gradient.items, weight * torch.tensor(rows[:1]).double())
