"""FedAttack: which samples it takes, and what stays honest. Equations: the oracle has them."""

import pytest
import torch

from tests.attacks.choices import MODELS, N_CLIENTS, N_ITEMS, Choice

EVERYBODY = range(N_CLIENTS)


@pytest.mark.parametrize("model", MODELS)
def test_what_a_client_likes_most_is_a_negative_and_least_a_positive(model):
    choice = Choice("fed_attack", "masked", model)
    attack, (view,) = choice.begun([], hardest=4), choice.views([EVERYBODY])
    batch = attack.hard_samples(view)
    items, labels = batch.items.view(N_CLIENTS, 8).tolist(), batch.labels.view(N_CLIENTS, 8)
    assert labels.tolist() == [[1.0] * 4 + [0.0] * 4] * N_CLIENTS
    for client, own in enumerate(items):
        scores = attack.known.model.score(attack.honest.users[client], view.model.items, view.model.scorer)
        assert sorted(scores[own[:4]].tolist()) == pytest.approx(sorted(scores.tolist())[:4])
        assert sorted(scores[own[4:]].tolist()) == pytest.approx(sorted(scores.tolist())[-4:])


def test_no_item_is_both_where_scores_are_alike():
    choice = Choice("fed_attack", "masked", "mf")
    attack, (view,) = choice.begun([], hardest=N_ITEMS // 2), choice.views([EVERYBODY])
    attack.honest.users.zero_()
    assert [sorted(own) for own in attack.hard_samples(view).items.view(N_CLIENTS, -1).tolist()] == [list(range(N_ITEMS))] * N_CLIENTS


@pytest.mark.parametrize("model", MODELS)
def test_its_users_would_like_the_best_items_less_after_it(model):
    choice = Choice("fed_attack", "popularity", model)
    attack, (view,) = choice.begun([], hardest=4), choice.views([EVERYBODY])
    batch, users = attack.hard_samples(view), attack.honest.users.clone()
    rows, items = attack.poison(view).rows, batch.items.long().view(N_CLIENTS, 8)
    before = view.model.items[items]
    scores = [attack.known.model.score(users[:, None], part, view.model.scorer) for part in (before, before - 0.1 * rows.view_as(before))]
    change = scores[1] - scores[0]
    assert bool((change[:, :4] >= 0).all()) and bool((change[:, 4:] <= 0).all()) and float(change.abs().max()) > 0


def test_the_clients_own_embeddings_stay_honest():
    choice = Choice("fed_attack", "masked", "mf")
    attack, honest = choice.begun([]), choice.begun([]).honest
    for view in choice.views([EVERYBODY, [2, 4]]):
        attack.poison(view)
        honest.train(view.clients, view.model, view.learning_rate)
    assert torch.equal(attack.honest.users, honest.users)


def test_more_hard_items_than_half_of_all():
    with pytest.raises(ValueError, match=r"attack\.hardest = 41: at most 40, half of the items"):
        Choice("fed_attack", "masked", "mf").begun([], hardest=41)
