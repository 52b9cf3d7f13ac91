"""FedAttack: which samples it swaps, and what stays honest. Equations: the oracle has them."""

import pytest
import torch

from tests.attacks.choices import MODELS, N_CLIENTS, Choice

EVERYBODY = range(N_CLIENTS)


@pytest.mark.parametrize("model", MODELS)
def test_the_hardest_samples_change_their_labels(model):
    choice = Choice("fed_attack", "masked", model)
    attack, (view,) = choice.begun([], hardest=4), choice.views([EVERYBODY])
    batch = attack.swapped(view)
    items, labels = batch.items.view(N_CLIENTS, 8).tolist(), batch.labels.view(N_CLIENTS, 8)
    assert labels.tolist() == [[1.0] * 4 + [0.0] * 4] * N_CLIENTS
    for client, own in enumerate(items):
        met = attack.honest.positives[client].tolist()
        scores = attack.known.model.score(attack.honest.users[client], view.model.items, view.model.scorer)
        unmet = [item for item in range(len(scores)) if item not in met]
        assert sorted(scores[own[:4]].tolist()) == pytest.approx(sorted(scores[unmet].tolist())[-4:]) and not set(own[:4]) & set(met)
        assert sorted(scores[own[4:]].tolist()) == pytest.approx(sorted(scores[met].tolist())[:4]) and set(own[4:]) <= set(met)


@pytest.mark.parametrize("model", MODELS)
def test_benign_users_would_like_the_hardest_negatives_more_after_it(model):
    choice = Choice("fed_attack", "popularity", model)
    attack, (view,) = choice.begun([], hardest=4), choice.views([EVERYBODY])
    batch, users = attack.swapped(view), attack.honest.users.clone()
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


def test_more_hard_items_than_a_profile_has():
    with pytest.raises(ValueError, match=r"attack\.hardest = 6: at most 5, as many as a profile has positives and leaves items"):
        Choice("fed_attack", "masked", "mf").begun([], kappa=10, hardest=6)
