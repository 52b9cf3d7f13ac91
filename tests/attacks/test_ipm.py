"""IPM turns the mean."""

import torch

from tests.attacks.choices import N_CLIENTS, Choice


def test_the_sum_points_away_from_the_benign_mean_once_epsilon_is_large():
    choice = Choice("ipm", "uploads", "ncf")
    for epsilon in (0.5, 100.0):
        attack = choice.begun([], epsilon=epsilon)
        (view,) = choice.views([range(N_CLIENTS)], attack)
        poison = attack.poison(view).total(80)[0][view.uploads.items]
        assert torch.allclose(poison, -epsilon * N_CLIENTS * view.uploads.means, rtol=1e-4, atol=1e-5)
        products = ((view.uploads.sums + poison) * view.uploads.means).sum(1)
        assert bool((products < 0).all()) == (epsilon == 100)
