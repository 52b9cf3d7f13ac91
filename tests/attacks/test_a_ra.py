"""A-ra draws its synthetic users. Equations: the oracle has them."""

import pytest
import torch

from fedrec.attacks.a_ra import RandomApproximation
from tests.attacks.choices import MODELS, N_CLIENTS, Choice


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", ["a_ra", "a_hum"])
def test_users_are_drawn_anew_for_each_client_and_round(name, model):
    choice = Choice(name, None, model)
    attack = choice.begun()
    first, second = (attack.users(view) for view in choice.views([[0, 1], [0, 1]]))
    assert first.shape[:2] == (2, attack.synthetic_users)
    assert not torch.equal(first[0], first[1]) and not torch.equal(first, second)
    (view,) = choice.views([range(N_CLIENTS)])
    assert float(RandomApproximation.users(attack, view).std()) == pytest.approx(0.01, rel=0.1)
