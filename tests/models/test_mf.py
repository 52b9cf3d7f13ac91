"""The closed form of matrix factorisation against automatic differentiation of its score."""

from functools import partial
from unittest import mock

import torch
from hypothesis import given

from fedrec import interfaces
from fedrec.interfaces import ClientBatch, GlobalModel, Model
from fedrec.models.losses import LOSSES
from fedrec.models.mf import MatrixFactorization
from fedrec.uploads import RowGroup
from tests.federations import build_system, cases


@given(case=cases(models=["mf"]))
def test_closed_form_equals_autograd(case):
    system = build_system(case)
    batch = system.data.batch(torch.arange(system.n_users))
    arguments = (system.users, system.received, batch, LOSSES[system.loss])
    closed, generic = system.model.local_gradients(*arguments), Model.local_gradients(system.model, *arguments)
    owners = torch.arange(system.n_users)
    rows = [RowGroup(owners, batch.offsets, batch.items, one.rows).at(slice(None)) for one in (closed, generic)]
    assert torch.allclose(closed.loss, generic.loss)
    assert torch.allclose(closed.users, generic.users, rtol=1e-4, atol=1e-6)
    assert torch.allclose(rows[0], rows[1], rtol=1e-4, atol=1e-6)


def test_score_all_is_score_of_every_pair():
    model = MatrixFactorization(dim=4, init_std=1.0)
    users, received = model.initialise(3, 5, torch.Generator().manual_seed(0))
    expected = model.score(users[None], received.items[:, None], received.interaction)  # [M, B]
    for score_all in (model.score_all, partial(Model.score_all, model)):
        scores = torch.empty_like(expected)
        with mock.patch.object(interfaces, "NUMBERS_AT_ONCE", 2 * users.numel()):  # the items in several parts
            score_all(users, received, out=scores)
        assert torch.allclose(scores, expected, atol=1e-6)


class Scaled(MatrixFactorization):
    """A model that only writes `score`, with a parameter that is one number."""

    def initialise(self, n_users, n_items, generator):
        users, received = super().initialise(n_users, n_items, generator)
        return users, GlobalModel(received.items, {"scale": torch.tensor(2.0)})

    def score(self, users, items, interaction):
        return (users * items).sum(-1) * interaction["scale"]

    local_gradients = Model.local_gradients


def test_a_model_with_a_single_number_as_parameter():
    model, batch = (
        Scaled(dim=3, init_std=1.0),
        ClientBatch(torch.arange(2), torch.tensor([0, 1, 3]), torch.tensor([0, 1, 0]), torch.ones(3)),
    )
    users, received = model.initialise(2, 2, torch.Generator().manual_seed(0))
    gradients = model.local_gradients(users, received, batch, LOSSES["bce"])
    by_client = gradients.interaction.per_client()["scale"]
    assert by_client.shape == (2,)
    assert torch.allclose(by_client.sum(), gradients.interaction.total()["scale"])
