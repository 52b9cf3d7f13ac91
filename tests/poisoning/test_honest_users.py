"""Malicious clients make profiles up, and look honest while they train on them."""

from dataclasses import replace

import pytest
import torch

from fedrec.interfaces import PriorKnowledge
from fedrec.poisoning.honest_users import HonestUsers
from tests.attacks.choices import MODELS, N_CLIENTS, N_ITEMS, TRAIN, Choice

NAMES = ["cluster_attack", "fed_attack", "frec_attack2"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kappa", [2, 21, N_ITEMS])
def test_profiles_are_distinct_items(name, kappa):
    honest = Choice(name, "popularity", "mf").begun([], kappa=kappa).honest
    assert honest.profiles.shape == (N_CLIENTS, kappa // 2 * 2)
    assert all(len(set(profile)) == len(profile) for profile in honest.profiles.tolist())


def test_positives_are_popular_if_popularity_is_told():
    popularity = TRAIN.popularity().double()
    for name in NAMES:
        told, masked = (Choice(name, prior, "mf").begun([], kappa=60).honest.profiles[:, :30] for prior in ("popularity", "masked"))
        assert popularity[told.long()].mean() > popularity[masked.long()].mean()


def test_popularity_decides_the_draw():
    """An item that nobody has is drawn last, and one that everybody has is drawn by nearly all."""
    choice = Choice("fed_attack", "popularity", "mf")
    known = choice.begun([]).known
    popularity = torch.zeros(N_ITEMS, dtype=torch.int64).index_fill_(0, torch.arange(20), 5)
    positives = HonestUsers(replace(known, prior=PriorKnowledge(popularity=popularity)), 40, own_items=False).profiles[:, :20]
    assert positives.sort(dim=1).values.tolist() == [list(range(20))] * N_CLIENTS


@pytest.mark.parametrize("model", MODELS)
def test_they_learn_to_like_their_positives(model):
    choice = Choice("fed_attack", "masked", model)
    attack, (view,) = choice.begun([]), choice.views([range(N_CLIENTS)])
    honest, profiles = attack.honest, attack.honest.profiles.long()
    for _ in range(300):
        honest.train(view.clients, view.model, 1.0)
    scores = attack.known.model.score(honest.users[:, None], view.model.items[profiles], view.model.scorer)
    positives, negatives = scores.chunk(2, 1)
    assert bool((positives.mean(1) > negatives.mean(1)).all())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kappa", [1, N_ITEMS + 1])
def test_profiles_that_do_not_fit(name, kappa):
    with pytest.raises(ValueError, match=rf"attack\.kappa = {kappa}: allowed is from 2 to 80 \(the items\)"):
        Choice(name, "masked", "mf").begun([], kappa=kappa)
