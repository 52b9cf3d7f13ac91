"""PSMU: its users learn their profiles, and the upload raises the targets above their alternatives. Equations: the oracle has them."""

import pytest
import torch

from tests.attacks.choices import MODELS, N_CLIENTS, N_ITEMS, TARGETS, Choice

EVERYBODY = range(N_CLIENTS)


@pytest.mark.parametrize("model", MODELS)
def test_users_are_new_for_each_client_and_round(model):
    choice = Choice("psmu", None, model)
    attack = choice.begun()
    first, second = (attack.users(view) for view in choice.views([[0, 1], [0, 1]]))
    assert not torch.equal(first[0], first[1]) and not torch.equal(first, second)


def test_a_user_comes_to_like_half_of_its_profile():
    choice = Choice("psmu", None, "mf")
    attack = choice.begun(steps=100, user_rate=0.1, profile_size=10, user_std=1e-6)
    (view,) = choice.views([EVERYBODY])
    scores = attack.users(view) @ view.model.items.T  # [A, M]
    liked = (scores > 1).sum(1)
    assert bool((liked >= 10).all()) and bool((scores < -1).sum(1).ge(10).all())


@pytest.mark.parametrize("model", MODELS)
def test_a_target_overtakes_its_alternatives(model):
    """A step along the upload lowers the sum over targets and alternatives of sigmoid(s_a - s_t) for every user."""
    choice = Choice("psmu", None, model)
    attack = choice.begun()
    (view,) = choice.views([EVERYBODY])
    users, upload = attack.users(view), attack.poison(view)
    others, counts = attack._alternatives(users, view.model)
    assert bool((counts.sum(2) == 10).all())
    rows = upload.rows.view(N_CLIENTS, len(TARGETS), -1)

    def losses(targets):
        scores = attack.known.model.score(users[:, None], targets, view.model.scorer)  # [A, T]
        return (torch.sigmoid(others - scores[:, :, None]) * counts).sum((1, 2))

    received = view.model.items[TARGETS]
    slopes = rows.square().sum((1, 2))
    assert bool((losses(received - 1e-2 * rows) < losses(received))[slopes > 1e-4].all()) and bool((slopes > 1e-4).any())


def test_few_items_leave_fewer_alternatives():
    choice = Choice("psmu", None, "mf")
    attack = choice.begun(targets=range(N_ITEMS - 3))
    (view,) = choice.views([EVERYBODY])
    _, counts = attack._alternatives(attack.users(view), view.model)
    assert bool((counts.sum(2) == 3).all())


def test_a_profile_of_more_than_all_items():
    with pytest.raises(ValueError, match=r"attack\.profile_size = 41: at most 40, half of the items"):
        Choice("psmu", None, "mf").begun(profile_size=41)
