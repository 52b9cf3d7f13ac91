"""The profiles that the clients of random, popular and bandwagon attacks train on. Equations: the oracle has them."""

from dataclasses import replace

import pytest

from fedrec.poisoning.fake_profiles import MINING_TIMES, NOTHING, FakeProfiles
from tests.attacks.choices import CHOICES, N_CLIENTS, N_ITEMS, TARGETS, TRAIN, Choice, kind

EVERYBODY = list(range(N_CLIENTS))
ROUNDS = [EVERYBODY, [4, 2], EVERYBODY, EVERYBODY[::-1], [0], EVERYBODY]
OURS = [choice for choice in CHOICES if issubclass(kind(choice.name), FakeProfiles)]
N_POPULAR = {"random": 0, "popular": 28, "bandwagon": 3}  # of 30 positives 2 are targets; a tenth, rounded up
every_choice = pytest.mark.parametrize("choice", OURS, ids=str)


def profiles_over_rounds(choice, attack):
    """Return the items that each client uploads rows of, participation after participation."""
    profiles = {client: [] for client in EVERYBODY}
    for view in choice.views(ROUNDS, attack):
        upload = attack.poison(view)
        for position, client in enumerate(view.clients.tolist()):
            profiles[client].append(upload.items[upload.segments == position].tolist())
    return profiles


@every_choice
def test_a_client_has_one_profile_for_ever(choice):
    """It holds targets, fillers and as many others, and serves from the first round on or once the client has mined."""
    attack = choice.begun()
    mines = choice.prior == "masked"
    assert (attack.miner is not None) == mines
    for uploads in profiles_over_rounds(choice, attack).values():
        silent, active = uploads[:MINING_TIMES] if mines else [], uploads[MINING_TIMES:] if mines else uploads
        assert active and not any(silent)
        profile = active[0]
        assert all(upload == profile for upload in active)
        assert len(set(profile)) == len(profile) == 60
        assert profile[: len(TARGETS)] == TARGETS


@every_choice
def test_popular_fillers_are_those_known_or_mined_and_the_others_differ(choice):
    attack = choice.begun()
    profiles = {client: uploads[-1] for client, uploads in profiles_over_rounds(choice, attack).items()}
    popularity, n_popular = TRAIN.popularity(), N_POPULAR[choice.name]
    popularity[TARGETS] = -1
    for client, profile in profiles.items():
        popular = profile[len(TARGETS) : len(TARGETS) + n_popular]
        if choice.prior == "popularity":
            assert popularity[popular].tolist() == popularity.sort(descending=True).values[:n_popular].tolist()
        elif n_popular:
            assert popular == attack.miner.mined[client].tolist()
    assert len({tuple(profile) for profile in profiles.values()}) == N_CLIENTS


@every_choice
def test_clients_train_as_honest_users_of_their_profile_would(choice):
    """Their embedding learns to like the first half of the profile and to dislike the other half."""
    attack, (view,) = choice.begun(), choice.views([EVERYBODY])
    for round in range(MINING_TIMES + 1):
        attack.poison(type(view)(round, view.clients, view.model, view.learning_rate))

    def margin():
        rows = view.model.items[attack.profiles.long()]  # [A, kappa, d]
        liked, disliked = attack.known.model.score(attack.users[:, None], rows, view.model.scorer).chunk(2, 1)
        return (liked.mean(1) - disliked.mean(1)).mean()

    before = margin()
    for round in range(9, 29):
        attack.poison(type(view)(round, view.clients, view.model, view.learning_rate))
    assert margin() > before


@pytest.mark.parametrize("kappa", [4, 7, N_ITEMS])
def test_half_of_kappa_is_positive(kappa):
    attack = Choice("random", None, "mf").begun(kappa=kappa)
    assert attack.profiles.shape == (N_CLIENTS, kappa // 2 * 2)
    assert all(len(profile.unique()) == len(profile) for profile in attack.profiles)


@pytest.mark.parametrize("name", sorted({choice.name for choice in OURS}))
@pytest.mark.parametrize("kappa", [1, 3, N_ITEMS + 1])
def test_profiles_that_cannot_be(name, kappa):
    prior = None if name == "random" else "masked"
    with pytest.raises(ValueError, match=rf"attack\.kappa = {kappa}: allowed is from 4 \(twice the targets\) to 80 \(the items\)"):
        Choice(name, prior, "mf").begun(kappa=kappa)


def test_only_as_many_items_as_there_are_can_be_mined():
    attack = Choice("popular", "masked", "mf").begun(kappa=N_ITEMS)
    assert attack.miner.mined.shape == (N_CLIENTS, N_ITEMS // 2 - len(TARGETS))
    assert bool((attack.profiles == NOTHING).all())


@every_choice
def test_no_malicious_client_at_all(choice):
    """system.malicious_share=0 is allowed."""
    attack = choice.begun()
    attack.setup(replace(attack.known, n_clients=0))
    assert len(attack.profiles) == 0
