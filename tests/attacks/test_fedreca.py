"""FedRecA: each client takes what it uploads from the pool that all share. Equations: the oracle has them."""

from unittest import mock

import pytest
import torch

from fedrec.attacks import fedreca
from fedrec.attacks.fedreca import overtaking
from fedrec.interfaces import ClientBatch
from tests.attacks.choices import MODELS, N_CLIENTS, TARGETS, Choice

EVERYBODY = list(range(N_CLIENTS))
ROUNDS = [EVERYBODY, [3, 1], EVERYBODY[::-1]]
WAYS = {"masked": {"synthetic_users": 4, "user_std": 1.0}, "interactions": {"known_share": 0.5, "user_std": 1.0}}


def watched(prior, model, **options):
    """Yield the view, the upload and the pool that it was taken from, round after round."""
    choice = Choice("fedreca", prior, model)
    attack, pools = choice.begun(**WAYS[prior], **options), []
    pool = attack.pool
    attack.pool = lambda *arguments: pools.append(pool(*arguments)) or pools[-1].clone()
    for view in choice.views(ROUNDS):
        upload = attack.poison(view)
        yield view, upload, pools[-1]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("prior", WAYS)
@pytest.mark.parametrize("max_norm", [0.05, 1.0])
def test_each_client_uploads_few_short_rows_of_different_items(prior, model, max_norm):
    for _, upload, _ in watched(prior, model, kappa=6, max_norm=max_norm):
        assert len(upload.items)
        assert float(upload.rows.norm(dim=1).max()) <= max_norm * (1 + 1e-5)
        for position in upload.segments.unique():
            items = upload.items[upload.segments == position].tolist()
            assert len(items) == len(set(items)) <= 6


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("prior", WAYS)
def test_all_that_is_uploaded_comes_out_of_the_pool(prior, model):
    """Each row has its pool row's direction; together they are at most the pool, and all of it where the clients can carry it."""
    for max_norm in (0.05, 1000.0):
        for _, upload, pool in watched(prior, model, kappa=6, max_norm=max_norm):
            wanted = pool[upload.items.long()]
            assert torch.allclose(torch.cosine_similarity(upload.rows, wanted), torch.ones(len(wanted)), atol=1e-5)
            total = torch.zeros_like(pool).index_add(0, upload.items, upload.rows)
            assert bool((total.norm(dim=1) <= pool.norm(dim=1) * (1 + 1e-5)).all())
            if max_norm == 1000.0:
                sent = upload.items.unique().long()
                assert torch.allclose(total[sent], pool[sent], atol=1e-5)
                assert all(pool[target].any() <= (target in sent) for target in TARGETS)


@pytest.mark.parametrize("model", MODELS)
def test_the_lowest_numbered_client_draws_first(model):
    """If a row has room for everything, the other clients find the targets empty."""
    for view, upload, _ in watched("masked", model, kappa=len(TARGETS), max_norm=1e6):
        assert {int(view.clients[position]) for position in upload.segments} == {int(view.clients.min())}


@pytest.mark.parametrize("model", MODELS)
def test_a_client_keeps_the_items_that_it_chose(model):
    chosen = {}
    for view, upload, _ in watched("interactions", model, kappa=10, max_norm=0.01):
        for position, client in enumerate(view.clients.tolist()):
            items = set(upload.items[upload.segments == position].tolist()) - set(TARGETS)
            assert len(chosen.setdefault(client, set()) | items) <= 10 - len(TARGETS)
            chosen[client] |= items
    assert len({frozenset(items) for items in chosen.values()}) > 1


@pytest.mark.parametrize("model", MODELS)
def test_masked_without_synthetic_users_there_is_nothing_to_upload(model):
    choice = Choice("fedreca", "masked", model)
    attack = choice.begun()
    assert attack.synthetic_users == 0
    for view in choice.views(ROUNDS):
        upload = attack.poison(view)
        assert (len(upload.items), upload.scorer, upload.clients.tolist()) == (0, (), view.clients.tolist())


@pytest.mark.parametrize("model", MODELS)
def test_the_pool_raises_targets_that_known_users_have_not_met(model):
    """A step against the pool lowers the loss: the targets' scores rise."""
    choice = Choice("fedreca", "interactions", model)
    attack = choice.begun(known_share=0.5, user_std=1.0)
    (view,) = choice.views([EVERYBODY])
    users = attack.known_users.users.detach()
    pool = attack.pool(users, view)
    assert bool(pool[TARGETS].any(1).all())
    before, after = (
        attack.known.model.score(users[:, None], items[TARGETS], view.model.scorer).mean()
        for items in (view.model.items, view.model.items - 0.01 * pool)
    )
    assert after > before


@pytest.mark.parametrize("left", [0, 1, 2])
def test_users_with_fewer_items_left_than_the_best_ones_that_are_wanted(left):
    """A target overtakes only items that are left: no others but the targets have gradients."""
    choice = Choice("fedreca", "interactions", "mf")
    attack = choice.begun(known_share=1.0, top_k=3, targets=[70, 71, 72])

    (view,) = choice.views([EVERYBODY])
    known = torch.tensor([item for item in range(left, len(view.model.items)) if item not in (70, 71, 72)])
    attack.known_users.known_of = lambda users: (torch.arange(users.stop).repeat_interleave(len(known)), known.repeat(users.stop))
    pool = attack.pool(attack.known_users.users.detach(), view)
    assert set(pool.any(1).nonzero().flatten().tolist()) <= {*range(left), 70, 71, 72}
    assert pool.isfinite().all() and bool(pool.any()) == bool(left)


def test_overtaking_loss():
    """g(x) is x from 0 on and e^x - 1 below; the second target does not count."""
    batch = ClientBatch(
        torch.arange(2), torch.tensor([0, 4, 8]), torch.zeros(8).int(), torch.tensor([1.0, 0, 1, 0, 1, 1, 1, 1]), torch.ones(8)
    )
    loss, derivative = overtaking(torch.tensor([0.0, 9.0, 2.0, 1.0, 3.0, 0.0, 1.0, 0.0]), batch)
    slope = torch.tensor(-2.0).exp()
    assert loss.tolist() == pytest.approx([2.0, float(slope) - 1])
    assert derivative.tolist() == pytest.approx([-1, 0, 1, 0, -float(slope), -1, float(slope), 1])


def test_fewer_rows_than_targets():
    with pytest.raises(ValueError, match=r"attack\.kappa = 1: at least 2, the number of targets"):
        Choice("fedreca", "masked", "mf").begun(kappa=1)


def test_users_in_blocks_make_the_same_pool():
    choice = Choice("fedreca", "interactions", "mf")
    attack = choice.begun(known_share=1.0)
    (view,) = choice.views([EVERYBODY])
    users = attack.known_users.users.detach()
    whole = attack.pool(users, view)
    with mock.patch.object(fedreca, "SCORES_AT_ONCE", 3 * len(view.model.items)):
        assert torch.allclose(attack.pool(users, view), whole, atol=1e-6)
