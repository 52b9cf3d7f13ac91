"""Fed-LightGCN equals loops over nodes and edges: its scores, its gradients, its lists; and its fake users, who have no items."""

from dataclasses import replace
from functools import partial
from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedrec.evaluation.evaluator import Evaluator
from fedrec.interfaces import ClientBatch, GlobalModel, Interactions, Model, RowGroup, Split
from fedrec.models import lightgcn
from fedrec.models.lightgcn import LightGCN
from fedrec.models.losses import LOSSES
from fedrec.poisoning.fake_users import equal_batch
from fedrec.saved_runs.trained_model import TrainedModel
from tests.evaluation import scored
from tests.reference import federation as oracle
from tests.reference.federations import SYSTEM, Case, build_system
from tests.reference.light_graph import StarClient, propagate, scores

N_ITEMS = 6
some_items = st.lists(st.integers(0, N_ITEMS - 1), max_size=4)
some_clients = st.lists(st.tuples(some_items, some_items), min_size=1, max_size=5)  # draws: positives, and negatives among the others
both_scorers = pytest.mark.parametrize("scorer", ["product", "mlp"])


@pytest.fixture(autouse=True)
def double_precision():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def make(scorer, n_users=5, seed=0):
    """Return a model, users and a global model whose biases, too, are far enough from 0 to matter."""
    model, generator = LightGCN(dim=3, init_std=1.0, scorer=scorer, layers=[4, 2]), torch.Generator().manual_seed(seed)
    users, global_model = model.initialise(n_users, N_ITEMS, generator)
    parameters = {name: value + 0.3 * torch.randn(value.shape, generator=generator) for name, value in global_model.scorer.items()}
    return model, users, GlobalModel(global_model.items, parameters)


def batch_of(clients):
    """Return the draws of the clients as pairs with counts, positives first."""
    own = [
        [(item, label, part.count(item)) for label, part in ((1.0, positives), (0.0, negatives)) for item in dict.fromkeys(part)]
        for positives, negatives in clients
    ]
    items, labels, counts = (torch.tensor([pair[part] for one in own for pair in one]) for part in range(3))
    return ClientBatch(
        torch.arange(len(own)), torch.tensor([0, *map(len, own)]).cumsum(0).int(), items.int(), labels.double(), counts.double()
    )


def rows_of(gradients, batch):
    return RowGroup(torch.arange(len(batch.clients)), batch.offsets, batch.items, gradients.rows).at(slice(None))


@both_scorers
@pytest.mark.parametrize("loss", sorted(LOSSES))
@given(clients=some_clients, seed=st.integers(0, 99))
def test_gradients_equal_those_of_each_client_alone(scorer, loss, clients, seed):
    """In closed form and by automatic differentiation of `score`; a client may have no item, no negative, or a pair several times."""
    clients = [(sorted(positives), sorted(item for item in negatives if item not in positives)) for positives, negatives in clients]
    model, users, global_model = make(scorer, len(clients), seed)
    batch = batch_of(clients)
    arguments = (users, global_model, batch, LOSSES[loss])
    for found in (model.local_gradients(*arguments), Model.local_gradients(model, *arguments)):
        rows, per_client = rows_of(found, batch), found.scorer.per_client() if found.scorer else {}
        for name, value in (found.scorer.total() if found.scorer else {}).items():
            assert torch.allclose(value, per_client[name].sum(0), atol=1e-12)
        for number, (positives, negatives) in enumerate(clients):
            client = StarClient(users[number], torch.tensor(positives + negatives, dtype=torch.int64), len(positives), loss, 1.0)
            (items, own_rows, parameters), value = client.train_on(global_model.items, global_model.scorer)
            pairs = slice(int(batch.offsets[number]), int(batch.offsets[number + 1]))
            assert batch.items[pairs].tolist() == items.tolist()
            assert float(found.loss[number]) == pytest.approx(value)
            assert torch.allclose(users[number] - found.users[number], client.user, atol=1e-12)
            assert torch.allclose(rows[pairs], own_rows, atol=1e-12)
            for name, gradient in parameters.items():
                assert torch.allclose(per_client[name][number], gradient, atol=1e-12)


@both_scorers
@given(owned=st.lists(some_items, min_size=1, max_size=4), numbers_at_once=st.sampled_from([1, 12, 400]))
def test_score_all_is_the_score_of_every_pair(scorer, owned, numbers_at_once):
    """A user may have no item, or have trained on one twice; the general way of all models gives the same."""
    model, users, global_model = make(scorer, len(owned))
    expected = torch.stack([torch.stack(scores_of(user, own, global_model)) for user, own in zip(users, owned, strict=True)], 1)  # [M, B]
    positions = torch.tensor([item * len(users) + user for user, own in enumerate(owned) for item in own], dtype=torch.int64).sort().values
    for score_all in (model.score_all, partial(Model.score_all, model)):
        with mock.patch.object(lightgcn, "NUMBERS_AT_ONCE", numbers_at_once):
            assert torch.allclose(score_all(users, global_model, torch.empty_like(expected), positions), expected)


def scores_of(user, own, global_model):
    """Return the score of each item from the oracle."""
    rows = dict(enumerate(global_model.items))
    return list(scores(user, {item: rows[item] for item in own}, rows, global_model.scorer).values())


@both_scorers
def test_users_without_items_stand_for_users_as_a_score_sees_them(scorer):
    """A fake user's positives are no items of its own, whatever an attack labels: all that attacks call agrees on that."""
    model, users, global_model = make(scorer)
    expected = torch.stack([torch.stack(scores_of(user, [], global_model)) for user in users], 1)
    nobody = torch.arange(0)
    for score_all in (model.score_all, partial(Model.score_all, model)):
        for own in (None, nobody):
            assert torch.allclose(score_all(users, global_model, torch.empty_like(expected), own), expected)
    batch = equal_batch(torch.arange(N_ITEMS).expand(len(users), -1), torch.ones(len(users), N_ITEMS))
    assert not batch.positives_are_own
    arguments = (users, global_model, batch, LOSSES["bce"])
    value, _ = LOSSES["bce"](expected.T.flatten(), batch)
    closed, general = model.local_gradients(*arguments), Model.local_gradients(model, *arguments)
    assert torch.allclose(closed.loss, value)
    assert torch.allclose(general.loss, value)
    assert torch.allclose(closed.users, general.users)
    assert torch.allclose(rows_of(closed, batch), rows_of(general, batch))
    of_users, rows, parameters = model.gradients_of_all(*arguments)
    assert torch.allclose(of_users, general.users)
    assert torch.allclose(rows, rows_of(general, batch))
    for name, gradient in (general.scorer.per_client() if general.scorer else {}).items():
        assert torch.allclose(parameters.per_client()[name], gradient, atol=1e-12)
    of_owners = model.gradients_of_all(users, global_model, replace(batch, positives_are_own=True), LOSSES["bce"])
    assert not torch.allclose(of_owners[0], of_users)
    fitting = (users, global_model.items[:2], global_model.scorer, 0.0, 0.5, 3)
    assert torch.allclose(model.fit_users(*fitting), Model.fit_users(model, *fitting))


@both_scorers
def test_an_evaluation_and_a_list_see_each_users_own_items(scorer):
    """Somebody has trained on an item twice; an item that is recommended again has the score of an own item."""
    case = Case([[0, 3, 3], [2], [1, 4, 5], [0]], 9, [8], "none", {}, None, {**SYSTEM, "learning_rate": 0.3}, 0)
    model = LightGCN(dim=3, init_std=1.0, scorer=scorer, layers=[4, 2])
    with mock.patch.dict("tests.reference.federations.MODELS", graph=model):
        system = build_system(replace(case, model="graph"))
    for _ in system.rounds():
        pass
    items, parameters = system.global_model.items, system.global_model.scorer
    evaluator = Evaluator(**{**scored.OPTIONS, "metrics": ["ER", "HR", "full_HR", "full_NDCG"], "k": [1, 2, 3], "selection": "HR@2"})
    test = torch.tensor([1, 3, 0, 4])
    evaluator.setup(Split("tiny", case.train, Interactions(torch.arange(5), test.int(), 9), None), model, [8], system, 0)
    rows = dict(enumerate(items))
    owned = [{item: rows[item] for item in own} for own in case.positives]
    propagated = [propagate(user, own)[0] for user, own in zip(system.users, owned, strict=True)]
    seen, candidates = (
        [torch.tensor(own) for own in case.positives],
        [torch.tensor(one) for one in scored.candidates_of(evaluator.held_out[""])],
    )
    expected = oracle.evaluate(propagated, items / 2, parameters, seen, test.tolist(), candidates, [8], [1, 2, 3])
    metrics = evaluator.evaluate()
    assert {name: metrics[name] for name in expected if "ER@" not in name} == pytest.approx(
        {name: value for name, value in expected.items() if "ER@" not in name}
    )
    (lists,) = TrainedModel.of(evaluator).recommend(np.arange(4), 9, exclude_seen=False)
    for user, own in enumerate(owned):
        found = scores(system.users[user], own, rows, parameters)
        assert lists.scores[user].tolist() == pytest.approx([float(found[item]) for item in lists.items[user].tolist()])
