"""The server's optimizers against torch.optim, which sees a gradient of 0 wherever nobody sent one, and in whole federations."""

from dataclasses import replace
from itertools import islice, pairwise

import pytest
import torch
from torch.nn import Parameter

from fedrec.aggregation import aggregate, rule
from fedrec.federation.server_optimizer import ServerOptimizer
from fedrec.federation.server_step import step
from fedrec.interfaces import Aggregation, GlobalModel
from tests.reference.federations import SYSTEM, Case, build_system

KINDS = ("sgd", "momentum", "adam")
OPTIONS = {"N": 2, "mining_times": 2, "starts": "first", "multi_target": "copy", "batches": 1, "rounds": 1}
OPTIONS |= {"repetitions": "inner", "poison_scorer": False, "adaptive": False, "gamma": 0.0}


def reference(kind, parameters, rate):
    if kind == "adam":
        return torch.optim.Adam(parameters, lr=rate, betas=(0.8, 0.9))
    return torch.optim.SGD(parameters, lr=rate, momentum=0.7 if kind == "momentum" else 0.0)


def drawn(number):
    """Return items that a round touches, their gradients, and the gradients of the scorer, of which every other round has none."""
    drawing = torch.Generator().manual_seed(number)
    touched = torch.randperm(7, generator=drawing)[: 3 * (number != 2)]
    rows, value = torch.randn(len(touched), 4, generator=drawing), torch.randn(5, generator=drawing)
    return touched, rows.double(), {"W": value.double()} if number % 2 else {}


@pytest.mark.parametrize("names_touched", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_steps_are_those_of_torch(kind, names_touched):
    """Also after a round that touched nothing, and whether or not the aggregation names the items that it touches."""
    model = GlobalModel(torch.randn(7, 4).double(), {"W": torch.randn(5).double()})
    parameters = [Parameter(model.items.clone()), Parameter(model.scorer["W"].clone())]
    optimizer, expected = ServerOptimizer(kind, 0.3, 0.7, (0.8, 0.9)), reference(kind, parameters, 0.3)
    for number in range(6):
        touched, rows, scorer = drawn(number)
        dense = torch.zeros(7, 4).double().index_copy(0, touched, rows)
        parameters[0].grad, parameters[1].grad = dense, scorer.get("W", torch.zeros(5).double())
        before = model.items.clone()
        aggregation = Aggregation(GlobalModel(rows, scorer), touched=touched) if names_touched else Aggregation(GlobalModel(dense, scorer))
        announced = optimizer.change_of(torch.arange(7), dense)
        model, changes, replaced = step(model, aggregation, optimizer, in_place=True)
        expected.step()
        assert torch.allclose(model.items, parameters[0], rtol=1e-9) and torch.allclose(model.scorer["W"], parameters[1], rtol=1e-9)
        assert torch.allclose(announced, model.items - before, atol=1e-12)
        assert torch.allclose(changes.delta_norm(), (model.items - before).norm(dim=1), atol=1e-12)
        items = torch.arange(7) if replaced.touched is None else replaced.touched
        assert torch.equal(replaced.before, before[items]) and torch.equal(replaced.after, model.items[items])
        assert (replaced.touched is None) == (kind != "sgd" or not names_touched)


@pytest.mark.parametrize("kind", KINDS)
def test_only_descent_leaves_an_item_alone_that_nobody_sent_a_row_for(kind):
    model, optimizer = GlobalModel(torch.zeros(2, 1)), ServerOptimizer(kind, 0.1)
    for item in (0, 1):
        before = model.items.clone()
        model, *_ = step(model, Aggregation(GlobalModel(torch.ones(1, 1)), touched=torch.tensor([item])), optimizer, in_place=False)
    assert model.items[1] < 0
    assert (model.items[0] == before[0]) == (kind == "sgd")


def federation(kind, n_items=9, **changes):
    settings = {**SYSTEM, "clients_per_round": 3, "epochs": 6, "server_optimizer": kind, **changes}
    case = Case([[0, 1], [2], [0, 3, 3], [4, 5]], n_items, [7], "pieck_uea", OPTIONS, None, settings, 0)
    defense = {"N": 2, "beta": 1.0, "gamma": 1.0, "weighting": "exp", "divergence": "user_from_item", "reduction": "mean"}
    return build_system(replace(case, defense={**defense, "mining_times": 2, "starts": "mined"}))


@pytest.mark.parametrize("kind", KINDS)
def test_stopping_and_resuming_changes_nothing(kind):
    whole, first, second = (federation(kind, server_learning_rate=0.05) for _ in range(3))
    for _ in islice(first.rounds(), first.n_rounds // 2):
        pass
    saved = first.state_dict()
    for _ in first.rounds():  # what was saved stays as it was
        pass
    second.load_state_dict(saved)
    for system in (whole, second):
        for _ in system.rounds():
            pass
    assert torch.equal(whole.global_model.items, second.global_model.items) and torch.equal(whole.users, second.users)


@pytest.mark.parametrize("kind", KINDS)
def test_miners_see_how_far_every_item_moved_under_any_optimizer(kind):
    """Attack and defense mine what a client finds that keeps the matrices that it receives, also if the server names touched items."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (aggregate, rule):
            patch.setattr(module, "MANY_ITEMS", 0)
        system = federation(kind)
        received = {}
        matrices = [system.global_model.items.clone()]
        for result in system.rounds():
            for client in system.sampler.sample(result.round - 1).tolist():
                received.setdefault(client, []).append(matrices[-1])
            matrices.append(system.global_model.items.clone())
    n_mined = 0
    for client, own in received.items():
        malicious = client >= system.n_users
        miner, number = (system.attack.miner, client - system.n_users) if malicious else (system.defense.client.miner, client)
        if len(own) > 2:
            changes = sum((after - before).norm(dim=1) for before, after in pairwise(own[:3]))
            changes[7 if malicious else []] = -1
            assert torch.allclose(changes[miner.mined[number].long()], changes.sort(descending=True).values[:2], rtol=1e-5)
            n_mined += 1
    assert n_mined > 3


def test_an_attack_is_told_the_rate_of_the_server_if_it_is_another():
    views = []
    system = federation("adam", learning_rate=0.5, server_learning_rate=0.01)
    poison = system.attack.poison
    system.attack.poison = lambda view: views.append(view) or poison(view)
    list(system.rounds())
    assert {(view.learning_rate, view.server_learning_rate) for view in views} == {(0.5, 0.01)}
