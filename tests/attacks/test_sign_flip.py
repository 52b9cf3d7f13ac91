"""Sign flip is IPM with epsilon = 1."""

import pytest
import torch

from tests.attacks.choices import N_CLIENTS, Choice


@pytest.mark.parametrize("targets", [[], [3, 60]])
def test_it_is_ipm_with_epsilon_1(targets):
    choice = Choice("sign_flip", "uploads", "mf")
    attack, other = choice.begun(targets), Choice("ipm", "uploads", "mf").begun(targets, epsilon=1.0)
    (view,) = choice.views([range(N_CLIENTS)], attack)
    assert torch.equal(attack.poison(view).rows, other.poison(view).rows)
