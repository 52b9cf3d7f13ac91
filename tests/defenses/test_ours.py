"""The client-side defense: its closed form equals automatic differentiation of its equations."""

from itertools import islice

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from fedrec.defenses.ours import PopularityRegularizer
from fedrec.interfaces import ClientBatch, ClientDefense, GlobalModel, ReplacedRows, RowGroup
from tests.reference.drawn_cases import cases
from tests.reference.federations import build_system

OPTIONS = {"N": 3, "beta": 1.0, "gamma": 1.0, "divergence": "user_from_item", "reduction": "mean", "mining_times": 2, "starts": "mined"}


@given(case=cases(), n_rounds=st.integers(1, 9))
def test_closed_form_equals_autograd(case, n_rounds):
    """Some, all or none of the clients have mined."""
    assume(case.defense is not None)
    system = build_system(case)
    for _ in islice(system.rounds(), n_rounds):
        pass
    batch = system.data.batch(torch.arange(system.n_users))
    arguments = (system.users, system.global_model, batch)
    closed = system.defense.client.penalty_gradients(*arguments)
    generic = ClientDefense.penalty_gradients(system.defense.client, *arguments)
    assume(torch.isfinite(generic.loss).all() and system.users.abs().max() < 1e3)
    if not closed.rows:
        assert not generic.loss.any() and not generic.users.any() and not generic.rows[0].rows.any()
        return
    owners = torch.arange(system.n_users)
    rows = [RowGroup(owners, batch.offsets, batch.items, one.rows).at(slice(None)) for one in (closed, generic)]
    for actual, expected in ((closed.loss, generic.loss), (closed.users, generic.users), (rows[0], rows[1])):
        assert torch.allclose(actual, expected, rtol=1e-3, atol=1e-5 * float(1 + expected.abs().max()))


def trained(starts, participations):
    """One client with items 0 to 2, item 1 twice, whose embeddings differ; what it regularises after so many participations."""
    defense = PopularityRegularizer(**{**OPTIONS, "starts": starts, "mining_times": 1}, weighting="square")
    defense.setup(n_clients=1, n_items=9)
    drawing, before = torch.Generator().manual_seed(0), torch.empty(0)
    for round in range(participations):
        global_model = GlobalModel(torch.randn(9, 4, generator=drawing))
        if round:
            defense.follow(ReplacedRows(None, before, global_model.items))
        defense.observe(round, torch.tensor([0]), global_model)
        before = global_model.items
    counts = torch.tensor([1.0, 2.0, 1.0])
    batch = ClientBatch(torch.tensor([0]), torch.tensor([0, 3]).int(), torch.arange(3).int(), torch.tensor([1.0, 0.0, 0.0]), counts)
    users = torch.randn(1, 4, generator=drawing)
    found = defense.penalty_gradients(users, global_model, batch)
    rows = [RowGroup(torch.tensor([0]), batch.offsets, batch.items, (part,)).at(slice(None)) for part in found.rows]
    return defense, users, global_model.items, found, sum(rows, torch.zeros(3, 4))


def separation(users, items, popular):
    """Return Re2 of the popular items, Eq. (15) as the released code has it, and its gradient."""
    leaf = users.clone().requires_grad_()
    weights = torch.tensor([9.0, 4.0, 1.0]) / 14
    log_user, log_items = leaf.log_softmax(1), items[popular].log_softmax(1)
    re2 = (weights[:, None] * log_user.exp() * (log_user - log_items)).sum() / 4
    return re2.detach(), torch.autograd.grad(re2, leaf)[0]


def test_before_mining_re2_may_separate_the_user_from_arbitrary_items_and_re1_waits():
    _, users, items, found, rows = trained("first", 1)
    zeros = torch.zeros(9)
    re2, gradient = separation(users, items, zeros.topk(3).indices)
    assert found.loss.tolist() == pytest.approx([-float(re2)]) and re2 > 0
    assert torch.allclose(found.users, -gradient, atol=1e-6) and bool(gradient.any())
    assert not rows.any()


def test_before_mining_both_may_wait():
    *_, found, rows = trained("mined", 1)
    assert not found.loss.any() and not found.users.any() and not rows.any()


@pytest.mark.parametrize("starts", ["first", "mined"])
def test_once_a_client_has_mined_both_act_and_repeats_count(starts):
    """Re1 is the mean cosine over the draws of unpopular items, of which item 1 has two; one row of each item is uploaded."""
    defense, users, items, found, rows = trained(starts, 2)
    (popular,) = defense.mined_items().long()
    re2, gradient = separation(users, items, popular)
    draws = [item for item in (0, 1, 1, 2) if item not in popular.tolist()]
    leaves = items[draws].clone().requires_grad_()
    cosines = torch.cosine_similarity(leaves[:, None], items[popular], dim=2) @ (torch.tensor([9.0, 4.0, 1.0]) / 14)
    re1 = cosines.mean()
    expected = torch.zeros(9, 4)
    expected[draws] = torch.autograd.grad(-re1, leaves)[0]  # equal for both draws of item 1
    assert draws.count(1) == 2
    assert found.loss.tolist() == pytest.approx([-(re1 + re2).item()], rel=1e-5)
    assert torch.allclose(found.users, -gradient, atol=1e-6)
    assert torch.allclose(rows, expected[:3], atol=1e-6)


@pytest.mark.parametrize(("weighting", "expected"), [("square", [9 / 14, 4 / 14, 1 / 14]), ("exp", [0.66524, 0.24473, 0.09003])])
def test_kappa(weighting, expected):
    kappa = PopularityRegularizer(**OPTIONS, weighting=weighting).kappa()
    assert kappa.tolist() == pytest.approx(expected, abs=1e-5)


def test_more_mined_items_than_items():
    with pytest.raises(ValueError, match=r"defense\.N = 3: at most 2 of the 2 items"):
        PopularityRegularizer(**OPTIONS, weighting="exp").setup(n_clients=1, n_items=2)
