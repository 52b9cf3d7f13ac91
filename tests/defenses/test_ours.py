"""The client-side defense: its closed form equals automatic differentiation of its equations."""

import pytest
import torch
from hypothesis import assume, given

from fedrec.defenses.ours import PopularityRegularizer
from fedrec.interfaces import ClientDefense, RowGroup
from tests.reference.federations import build_system, cases

OPTIONS = {"N": 3, "beta": 1.0, "gamma": 1.0, "divergence": "user_from_item", "reduction": "mean", "mining_times": 2}


@given(case=cases())
def test_closed_form_equals_autograd(case):
    assume(case.defense is not None)
    system = build_system(case)
    for _ in system.rounds():
        if system.defense.client.miner.has_mined.any():
            break
    batch = system.data.batch(torch.arange(system.n_users))
    arguments = (system.users, system.global_model, batch)
    closed = system.defense.client.penalty_gradients(*arguments)
    generic = ClientDefense.penalty_gradients(system.defense.client, *arguments)
    assume(closed.rows and torch.isfinite(generic.loss).all() and system.users.abs().max() < 1e3)
    owners = torch.arange(system.n_users)
    rows = [RowGroup(owners, batch.offsets, batch.items, one.rows).at(slice(None)) for one in (closed, generic)]
    for actual, expected in ((closed.loss, generic.loss), (closed.users, generic.users), (rows[0], rows[1])):
        assert torch.allclose(actual, expected, rtol=1e-3, atol=1e-5 * float(1 + expected.abs().max()))


@pytest.mark.parametrize(("weighting", "expected"), [("square", [9 / 14, 4 / 14, 1 / 14]), ("exp", [0.66524, 0.24473, 0.09003])])
def test_kappa(weighting, expected):
    kappa = PopularityRegularizer(**OPTIONS, weighting=weighting).kappa()
    assert kappa.tolist() == pytest.approx(expected, abs=1e-5)


def test_more_mined_items_than_items():
    with pytest.raises(ValueError, match=r"defense\.N = 3: at most 2 of the 2 items"):
        PopularityRegularizer(**OPTIONS, weighting="exp").setup(n_clients=1, n_items=2)
