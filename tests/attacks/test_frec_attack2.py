"""FRecAttack2: its virtual users, its lists of items and what its clients learn. Equations: the oracle has them."""

import pytest
import torch

from tests.attacks.choices import MODELS, N_CLIENTS, N_ITEMS, Choice

EVERYBODY = range(N_CLIENTS)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("collude", [True, False])
def test_virtual_users_unlearn_what_they_like_and_learn_what_they_do_not(model, collude):
    choice = Choice("frec_attack2", "popularity", model)
    attack, (view,) = choice.begun([], collude=collude, spread=1.0), choice.views([EVERYBODY])
    users = attack.users(view)
    upload = attack.poison(view)
    n = N_ITEMS // 10
    items, rows = upload.items.long().view(N_CLIENTS, 2 * n), upload.rows.view(N_CLIENTS, 2 * n, -1)
    assert users.shape == (N_CLIENTS, attack.virtual_users, view.model.items.shape[1])

    def sums(embeddings):  # [A, k, d] -> [A, k]
        return torch.sigmoid(attack.known.model.score(users[:, :, None], embeddings[:, None], view.model.scorer)).sum(1)

    before, after = sums(view.model.items[items]), sums(view.model.items[items] - 0.01 * rows)
    assert bool((before[:, :n].amax(1) <= before[:, n:].amin(1)).all())
    assert bool((after[:, :n] >= before[:, :n]).all()) and bool((after[:, n:] <= before[:, n:]).all())


def test_virtual_users_of_colluders_lie_around_the_same_centres():
    choice = Choice("frec_attack2", "masked", "mf")
    (view,) = choice.views([EVERYBODY])
    together, alone = (choice.begun([], collude=collude, spread=1e-6) for collude in (True, False))
    together.honest.users[:3] += 1.0  # two clusters
    users = together.users(view)
    assert torch.allclose(users, users[:1].expand_as(users), atol=1e-4)
    assert len(users[0].mul(10).round().unique(dim=0)) == 2
    assert torch.allclose(alone.users(view), alone.honest.users[:, None].expand(-1, alone.virtual_users, -1), atol=1e-4)


@pytest.mark.parametrize("collude", [True, False])
def test_who_takes_honest_steps(collude):
    """All colluders take one in each round; a client on its own takes several when it takes part."""
    choice = Choice("frec_attack2", "masked", "mf")
    attack, honest = choice.begun([], collude=collude), choice.begun([]).honest
    (view,) = choice.views([[4, 1]])
    attack.poison(view)
    for _ in range(1 if collude else 20):
        honest.train(torch.arange(N_CLIENTS) if collude else torch.tensor([4, 1]), view.model, view.learning_rate)
    assert torch.allclose(attack.honest.users, honest.users, atol=1e-7)


def test_no_matrix_is_kept_that_nobody_needs():
    choice = Choice("frec_attack2", "masked", "mf")
    attack = choice.begun([])
    for view in choice.views([EVERYBODY, [0, 1], [1], [2, 0], EVERYBODY]):
        attack.poison(view)
        assert set(attack.received.matrices) == set(attack.received.rounds.tolist())
    assert list(attack.received.matrices) == [4]


def test_rows_are_as_long_as_those_of_the_profile():
    choice = Choice("frec_attack2", "masked", "mf")
    (view,) = choice.views([EVERYBODY])
    by_rows, mean = (choice.begun([], weighting=weighting, kappa=8).poison(view) for weighting in ("rows", "mean"))
    assert torch.allclose(by_rows.rows, 2 * mean.rows)  # 16 items instead of 8


def test_lists_without_items():
    with pytest.raises(ValueError, match=r"attack\.alpha = 0\.01: not one of 80 items; at least 0\.0125"):
        Choice("frec_attack2", "masked", "mf").begun([], alpha=0.01)
