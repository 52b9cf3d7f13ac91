"""The closed form of neural collaborative filtering equals automatic differentiation, for all clients at once and for each alone."""

import math
from functools import partial
from unittest import mock

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedrec.interfaces import ClientBatch, GlobalModel, Model, RowGroup
from fedrec.interfaces import model as model_module
from fedrec.models import ncf
from fedrec.models.losses import LOSSES
from fedrec.models.mf import MatrixFactorization
from fedrec.models.ncf import NeuralCollaborativeFiltering
from tests.reference import federation as oracle

N_ITEMS = 6
LAYERS = [[4], [4, 2], [3, 5, 2]]
some_layers = st.sampled_from(LAYERS)
some_pairs = st.lists(st.integers(0, N_ITEMS - 1), max_size=4)
some_clients = st.lists(st.tuples(some_pairs, some_pairs), min_size=1, max_size=5)  # positives and negatives, there may be none


@pytest.fixture(autouse=True, scope="module")
def double_precision():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def make(layers, seed=0):
    """Return a model, users and a global model whose biases, too, are far enough from 0 to matter."""
    model = NeuralCollaborativeFiltering(dim=3, init_std=1.0, layers=layers)
    generator = torch.Generator().manual_seed(seed)
    users, global_model = model.initialise(5, N_ITEMS, generator)
    scorer = {name: value + 0.3 * torch.randn(value.shape, generator=generator) for name, value in global_model.scorer.items()}
    return model, users, GlobalModel(global_model.items, scorer)


def batch_of(clients):
    items = [item for positives, negatives in clients for item in positives + negatives]
    labels = [label for positives, negatives in clients for label in [1.0] * len(positives) + [0.0] * len(negatives)]
    offsets = torch.tensor([0, *(len(positives) + len(negatives) for positives, negatives in clients)]).cumsum(0)
    return ClientBatch(torch.arange(len(clients)), offsets.int(), torch.tensor(items, dtype=torch.int32), torch.tensor(labels))


def assert_same_parameters(actual, expected):
    assert set(actual) == set(expected)
    for name, value in expected.items():
        assert actual[name].shape == value.shape
        assert torch.allclose(actual[name], value, atol=1e-12), name


def rows_of(gradients, batch):
    return RowGroup(torch.arange(len(batch.clients)), batch.offsets, batch.items, gradients.rows).at(slice(None))


@given(clients=some_clients, layers=some_layers, loss=st.sampled_from(sorted(LOSSES)), seed=st.integers(0, 99))
def test_closed_form_equals_autograd_and_every_client_alone(clients, layers, loss, seed):
    model, users, global_model = make(layers, seed)
    batch, users = batch_of(clients), users[: len(clients)]
    arguments = (users, global_model, batch, LOSSES[loss])
    for gradients in (model.local_gradients(*arguments), Model.local_gradients(model, *arguments)):
        rows, per_client = rows_of(gradients, batch), gradients.scorer.per_client()
        assert_same_parameters(gradients.scorer.total(), {name: value.sum(0) for name, value in per_client.items()})
        for number, (positives, negatives) in enumerate(clients):
            pairs = slice(int(batch.offsets[number]), int(batch.offsets[number + 1]))
            value, user, own_rows, parameters = alone(users[number], global_model, positives, negatives, loss)
            assert torch.allclose(gradients.loss[number], value)
            assert torch.allclose(gradients.users[number], user, atol=1e-12)
            assert torch.allclose(rows[pairs], own_rows, atol=1e-12)
            assert_same_parameters({name: part[number] for name, part in per_client.items()}, parameters)


def alone(user, global_model, positives, negatives, loss):
    """Return the loss of one client and its gradients by user, rows and parameters, from the oracle's score and loss."""
    user, parameters = user.clone().requires_grad_(), oracle.leaves(global_model.scorer)
    rows = global_model.items[positives + negatives].clone().requires_grad_()
    scores = oracle.psi(user, rows, parameters)
    value = {"bce": oracle.bce, "bpr": oracle.bpr}[loss](scores, len(positives)) if len(rows) else scores.sum()
    user_gradient, row_gradients, *others = torch.autograd.grad(value, (user, rows, *parameters.values()), materialize_grads=True)
    return value.detach(), user_gradient, row_gradients, dict(zip(parameters, others, strict=True))


@given(layers=some_layers, block=st.sampled_from([1, 20, 60, 10**6]))
def test_score_all_is_score_of_every_pair(layers, block):
    """Items come in blocks of one, of some, and all at once; the general way of all models gives the same."""
    model, users, global_model = make(layers)
    expected = torch.stack([oracle.psi(user, global_model.items, global_model.scorer) for user in users], 1)  # [M, B]
    assert torch.allclose(model.score(users[None], global_model.items[:, None], global_model.scorer), expected)
    for score_all in (model.score_all, partial(Model.score_all, model)):
        scores = torch.full_like(expected, math.nan)
        with mock.patch.object(ncf, "NUMBERS_AT_ONCE", block), mock.patch.object(model_module, "NUMBERS_AT_ONCE", block):
            score_all(users, global_model, out=scores)
        assert torch.allclose(scores, expected)


FITTED = {"mf": (MatrixFactorization(dim=3, init_std=1.0), {})} | {f"ncf {layers}": make(layers)[::2] for layers in LAYERS}


@pytest.mark.parametrize("name", FITTED)
@given(n_users=st.integers(0, 4), targets=st.integers(1, 3), label=st.sampled_from([0.0, 1.0]), steps=st.integers(0, 4))
def test_fitting_users_is_gradient_descent_on_each_of_them(name, n_users, targets, label, steps):
    model, global_model = FITTED[name]
    scorer = {part: value.double() for part, value in global_model.scorer.items()} if global_model else {}
    generator = torch.Generator().manual_seed(n_users)
    users, items = torch.randn(n_users, 3, generator=generator), torch.randn(targets, 3, generator=generator)
    before = users.clone()
    arguments = (users, items, scorer, label, 0.5, steps)
    expected = torch.stack([descended(user, items, scorer, label, steps) for user in users]) if n_users else users
    for fitted in (model.fit_users(*arguments), Model.fit_users(model, *arguments)):
        assert torch.allclose(fitted, expected, atol=1e-12)
    assert torch.equal(users, before)


def descended(user, items, scorer, label, steps):
    for _ in range(steps):
        leaf = user.clone().requires_grad_()
        scores = oracle.psi(leaf, items, scorer)
        oracle.bce(scores, len(items) if label else 0).backward()
        user = user - 0.5 * leaf.grad
    return user


@pytest.mark.parametrize("layers", LAYERS, ids=str)
def test_initial_parameters(layers):
    """Kaiming-uniform weights fill their range, biases are 0, and embeddings have their standard deviation."""
    model = NeuralCollaborativeFiltering(dim=50, init_std=0.1, layers=[20 * width for width in layers])
    users, global_model = model.initialise(300, 200, torch.Generator().manual_seed(0))
    assert users.shape == (300, 50) and global_model.items.shape == (200, 50)
    assert float(users.std()) == pytest.approx(0.1, rel=0.05) == float(global_model.items.std())
    widths = [100, *model.layers]
    expected = {"h": (widths[-1],)}
    for number in range(1, len(widths)):
        expected |= {f"W{number}": (widths[number - 1], widths[number]), f"b{number}": (widths[number],)}
    assert {name: value.shape for name, value in global_model.scorer.items()} == expected
    for name, value in global_model.scorer.items():
        if name.startswith("b"):
            assert not value.any()
        else:
            bound = math.sqrt(6 / value.shape[0])
            assert bound * (1 - 10 / value.numel()) < float(value.abs().max()) <= bound
            assert abs(float(value.mean())) < bound / math.sqrt(value.numel()) * 2
