"""The closed form of matrix factorisation equals automatic differentiation of its score."""

from functools import partial
from unittest import mock

import pytest
import torch
from hypothesis import given

from fedrec.interfaces import ClientBatch, GlobalModel, Model, RowGroup
from fedrec.interfaces import model as model_module
from fedrec.models.losses import LOSSES
from fedrec.models.mf import IMAGES, WIDE, MatrixFactorization
from fedrec.poisoning.fake_users import equal_batch
from tests.reference.drawn_cases import cases
from tests.reference.federations import build_system


@given(case=cases(models=["mf"]))
def test_closed_form_equals_autograd(case):
    system = build_system(case)
    batch = system.data.batch(torch.arange(system.n_users))
    arguments = (system.users, system.global_model, batch, LOSSES[system.loss])
    closed, generic = system.model.local_gradients(*arguments), Model.local_gradients(system.model, *arguments)
    owners = torch.arange(system.n_users)
    rows = [RowGroup(owners, batch.offsets, batch.items, one.rows).at(slice(None)) for one in (closed, generic)]
    assert torch.allclose(closed.loss, generic.loss)
    assert torch.allclose(closed.users, generic.users, rtol=1e-4, atol=1e-6)
    assert torch.allclose(rows[0], rows[1], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("n_users", "n_items"), [(3, 5), (WIDE, 5), (WIDE, IMAGES), (WIDE + 1, 3 * IMAGES + 1)])
def test_score_all_is_score_of_every_pair(n_users, n_items):
    model = MatrixFactorization(dim=4, init_std=1.0)
    users, global_model = model.initialise(n_users, n_items, torch.Generator().manual_seed(0))
    expected = model.score(users[None], global_model.items[:, None], global_model.scorer)  # [M, B]
    for score_all in (model.score_all, partial(Model.score_all, model)):
        with mock.patch.object(model_module, "NUMBERS_AT_ONCE", 2 * users.numel()):  # the items in several parts
            scores = score_all(users, global_model, torch.empty_like(expected))
        assert torch.allclose(scores, expected, atol=1e-6)


@pytest.mark.parametrize("n_users", [0, 1, 4])
def test_gradients_of_all_equal_those_of_a_batch(n_users):
    model = MatrixFactorization(dim=4, init_std=1.0)
    users, global_model = model.initialise(n_users, 3, torch.Generator().manual_seed(0))
    items = torch.arange(3).expand(n_users, -1)
    batch = equal_batch(items, torch.ones(items.shape))
    arguments = (users, global_model, batch, LOSSES["bce"])
    for closed, generic in zip(model.gradients_of_all(*arguments), Model.gradients_of_all(model, *arguments), strict=True):
        assert closed is generic is None or torch.allclose(closed, generic, atol=1e-6)


class Scaled(MatrixFactorization):
    """A model that writes `score` only and has one number as its parameter."""

    def initialise(self, n_users, n_items, generator):
        users, global_model = super().initialise(n_users, n_items, generator)
        return users, GlobalModel(global_model.items, {"scale": torch.tensor(2.0)})

    def score(self, users, items, scorer, own=None):
        return (users * items).sum(-1) * scorer["scale"]

    local_gradients = Model.local_gradients


def test_a_model_with_a_single_number_as_parameter():
    model = Scaled(dim=3, init_std=1.0)
    batch = ClientBatch(torch.arange(2), torch.tensor([0, 1, 3]), torch.tensor([0, 1, 0]), torch.ones(3), torch.ones(3))
    users, global_model = model.initialise(2, 2, torch.Generator().manual_seed(0))
    gradients = model.local_gradients(users, global_model, batch, LOSSES["bce"])
    by_client = gradients.scorer.per_client()["scale"]
    assert by_client.shape == (2,)
    assert torch.allclose(by_client.sum(), gradients.scorer.total()["scale"])
