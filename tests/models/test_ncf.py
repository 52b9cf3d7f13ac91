"""The closed form of neural collaborative filtering equals automatic differentiation, for all clients at once and for each alone."""

import math
from collections import Counter
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


def make(layers, output_bias, seed=0):
    """Return a model, users and a global model whose biases, too, are far enough from 0 to matter."""
    model = NeuralCollaborativeFiltering(dim=3, init_std=1.0, layers=layers, output_bias=output_bias)
    generator = torch.Generator().manual_seed(seed)
    users, global_model = model.initialise(5, N_ITEMS, generator)
    scorer = {name: value + 0.3 * torch.randn(value.shape, generator=generator) for name, value in global_model.scorer.items()}
    return model, users, GlobalModel(global_model.items, scorer)


def counted(positives, negatives):
    """Return how often a client has each pair of item and label, positives first."""
    return Counter([(item, 1.0) for item in positives] + [(item, 0.0) for item in negatives])


def batch_of(clients):
    own = [counted(*client) for client in clients]
    pairs, counts = [pair for one in own for pair in one], [float(count) for one in own for count in one.values()]
    offsets = torch.tensor([0, *map(len, own)]).cumsum(0).int()
    items, labels = torch.tensor([item for item, _ in pairs], dtype=torch.int32), torch.tensor([label for _, label in pairs])
    return ClientBatch(torch.arange(len(clients)), offsets, items, labels, torch.tensor(counts))


def assert_same_parameters(actual, expected):
    assert set(actual) == set(expected)
    for name, value in expected.items():
        assert actual[name].shape == value.shape
        assert torch.allclose(actual[name], value, atol=1e-12), name


def rows_of(gradients, batch):
    return RowGroup(torch.arange(len(batch.clients)), batch.offsets, batch.items, gradients.rows).at(slice(None))


@pytest.mark.parametrize("output_bias", [False, True])
@given(clients=some_clients, layers=some_layers, loss=st.sampled_from(sorted(LOSSES)), seed=st.integers(0, 99))
def test_closed_form_equals_autograd_and_every_client_alone(clients, layers, output_bias, loss, seed):
    """Clients may have a pair several times."""
    model, users, global_model = make(layers, output_bias, seed)
    assert ("c" in global_model.scorer) == output_bias
    batch, users = batch_of(clients), users[: len(clients)]
    arguments = (users, global_model, batch, LOSSES[loss])
    closed, general = model.local_gradients(*arguments), Model.local_gradients(model, *arguments)
    per_client = closed.scorer.per_client()
    for gradients in (closed, general):
        rows = rows_of(gradients, batch)
        assert_same_parameters(gradients.scorer.total(), {name: value.sum(0) for name, value in per_client.items()})
        for number, (positives, negatives) in enumerate(clients):
            pairs = slice(int(batch.offsets[number]), int(batch.offsets[number + 1]))
            value, user, own_rows, parameters = alone(users[number], global_model, positives, negatives, loss)
            assert torch.allclose(gradients.loss[number], value)
            assert torch.allclose(gradients.users[number], user, atol=1e-12)
            assert torch.allclose(rows[pairs], own_rows, atol=1e-12)
            assert_same_parameters({name: part[number] for name, part in per_client.items()}, parameters)


@pytest.mark.parametrize("output_bias", [False, True])
def test_the_general_way_gives_the_gradients_of_each_client(output_bias):
    model, users, global_model = make([4, 2], output_bias)
    batch = batch_of([([0, 1], [2, 2]), ([3], [4])])
    arguments = (users[:2], global_model, batch, LOSSES["bce"])
    expected = model.local_gradients(*arguments).scorer.per_client()
    assert_same_parameters(Model.local_gradients(model, *arguments).scorer.per_client(), expected)


def alone(user, global_model, positives, negatives, loss):
    """Return the loss of one client and its gradients by user, rows and parameters, from the oracle's score and loss of each draw.

    A row is what one draw of the pair adds.
    """
    user, parameters = user.clone().requires_grad_(), oracle.leaves(global_model.scorer)
    pairs = counted(positives, negatives)
    rows, counts = (
        global_model.items[[item for item, _ in pairs]].clone().requires_grad_(),
        torch.tensor([*pairs.values()], dtype=torch.int64),
    )
    scores = oracle.psi(user, rows.repeat_interleave(counts, 0), parameters)
    value = {"bce": oracle.bce, "bpr": oracle.bpr}[loss](scores, len(positives)) if len(rows) else scores.sum()
    user_gradient, row_gradients, *others = torch.autograd.grad(value, (user, rows, *parameters.values()), materialize_grads=True)
    return value.detach(), user_gradient, row_gradients / counts[:, None], dict(zip(parameters, others, strict=True))


@given(layers=some_layers, output_bias=st.booleans(), block=st.sampled_from([1, 20, 60, 10**6]))
def test_score_all_is_score_of_every_pair(layers, output_bias, block):
    """Items come in blocks of one, of some, and all at once; the general way of all models gives the same."""
    model, users, global_model = make(layers, output_bias)
    expected = torch.stack([oracle.psi(user, global_model.items, global_model.scorer) for user in users], 1)  # [M, B]
    assert torch.allclose(model.score(users[None], global_model.items[:, None], global_model.scorer), expected)
    for score_all in (model.score_all, partial(Model.score_all, model)):
        with mock.patch.object(ncf, "NUMBERS_AT_ONCE", block), mock.patch.object(model_module, "NUMBERS_AT_ONCE", block):
            scores = score_all(users, global_model, torch.full_like(expected, math.nan))
        assert torch.allclose(scores, expected)


FITTED = {"mf": (MatrixFactorization(dim=3, init_std=1.0), {})}
FITTED |= {f"ncf {layers} {output_bias}": make(layers, output_bias)[::2] for layers in LAYERS for output_bias in (False, True)}


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


@pytest.mark.parametrize("output_bias", [False, True])
@pytest.mark.parametrize("layers", LAYERS, ids=str)
def test_initial_parameters(layers, output_bias):
    """Kaiming-uniform weights fill their range, biases are 0, and embeddings have their standard deviation."""
    model = NeuralCollaborativeFiltering(dim=50, init_std=0.1, layers=[20 * width for width in layers], output_bias=output_bias)
    users, global_model = model.initialise(300, 200, torch.Generator().manual_seed(0))
    assert users.shape == (300, 50) and global_model.items.shape == (200, 50)
    assert float(users.std()) == pytest.approx(0.1, rel=0.05) == float(global_model.items.std())
    widths = [100, *model.layers]
    expected = {"h": (widths[-1],)} | ({"c": (1,)} if output_bias else {})
    for number in range(1, len(widths)):
        expected |= {f"W{number}": (widths[number - 1], widths[number]), f"b{number}": (widths[number],)}
    assert {name: value.shape for name, value in global_model.scorer.items()} == expected
    for name, value in global_model.scorer.items():
        if name[0] in "bc":
            assert not value.any()
        else:
            bound = math.sqrt(6 / value.shape[0])
            assert bound * (1 - 10 / value.numel()) < float(value.abs().max()) <= bound
            assert abs(float(value.mean())) < bound / math.sqrt(value.numel()) * 2
