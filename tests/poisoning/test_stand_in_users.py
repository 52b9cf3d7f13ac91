"""Stand-ins of an adaptive PIECK attack: profiles, Re2, and that training is like that of a defended user. Steps: the oracle has them."""

import os
from pathlib import Path

import pytest
import torch

from fedrec.conduct import prepare
from fedrec.config.build import check
from fedrec.config.compose import compose
from fedrec.poisoning.stand_in_users import LIKED, separation_gradient
from tests.attacks.choices import N_CLIENTS, N_ITEMS, TARGETS, Choice
from tests.reference.federation import Miner, Ours

EVERYBODY = range(N_CLIENTS)
ADAPTIVE = [Choice(name, None, model, ("attack.adaptive=true",)) for name in ("pieck_ipe", "pieck_uea") for model in ("mf", "ncf")]


@pytest.mark.parametrize("choice", ADAPTIVE, ids=str)
def test_profiles_are_drawn_once_from_what_a_client_has_mined(choice):
    attack, profiles = choice.begun(), []
    for view in choice.views([EVERYBODY] * 5, attack):
        upload = attack.poison(view)
        assert (len(upload.items) > 0) == (view.round >= 2)  # R~ = 2 differences need three matrices
        profiles.append(attack.stand_ins.profiles.clone())
    assert bool((profiles[1] == -1).all()) and torch.equal(profiles[2], profiles[4])
    for profile, mined in zip(profiles[4].tolist(), attack.miner.mined.tolist(), strict=True):
        assert len(set(profile)) == 2 * LIKED and not set(profile) & set(TARGETS)
        assert set(profile[:LIKED]) <= set(mined)


def test_the_gradient_of_re2_equals_automatic_differentiation():
    drawing = torch.Generator().manual_seed(0)
    users, popular = (torch.randn(*shape, generator=drawing, dtype=torch.float64) for shape in ((3, 4), (3, 10, 4)))
    found = separation_gradient(users, popular)
    for user, items, gradient in zip(users, popular, found, strict=True):
        leaf = user.clone().requires_grad_()
        defense, miner = Ours(10, 0.0, 1.0, "exp", "user_from_item", "sum"), Miner(10, 1, mined=list(range(10)))
        (-defense.penalty(miner, leaf, items[:0], torch.arange(0), items)).backward()
        assert torch.allclose(gradient, leaf.grad)


@pytest.mark.parametrize("n_targets", [N_ITEMS - 1, N_ITEMS - 2])
def test_too_few_items_for_a_profile(n_targets):
    choice = Choice("pieck_uea", None, "mf", ("attack.adaptive=true", "attack.N=1", "attack.batches=1"))
    if n_targets == N_ITEMS - 2:
        choice.begun(targets=range(n_targets))
        return
    with pytest.raises(ValueError, match=r"attack\.adaptive = true: the 80 items must be two more than the targets"):
        choice.begun(targets=range(n_targets))


@pytest.mark.slow
@pytest.mark.skipif("FEDREC_DATA" not in os.environ, reason="FEDREC_DATA names the folder of the data")
def test_only_the_adaptive_attack_breaks_through_the_defense(tmp_path):
    """On MovieLens-100K, seed 0, 100 epochs: ER@10 rises from 0.0 to 74.5 % (measured)."""
    found = []
    for adaptive in ("false", "true"):
        options = ("dataset=ml100k", f"dataset.root={Path(os.environ['FEDREC_DATA']) / 'ml-100k'}", "tracking=none", "device=cpu")
        config = compose(*options, "system.epochs=100", "attack=pieck_uea", f"attack.adaptive={adaptive}", "defense=ours")
        experiment = prepare(check(config), tmp_path, callbacks=[])
        for _ in experiment.system.rounds():
            pass
        found.append(experiment.evaluator.evaluate()["ER@10"])
    assert found[0] < 0.02 and found[1] > 0.3
