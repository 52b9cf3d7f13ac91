"""PIPA: the popularity estimator really moves the targets, and explicit promotion stays finite. Equations: the oracle has them."""

import pytest
import torch

from fedrec.interfaces import AttackerView, GlobalModel
from fedrec.poisoning.popularity_estimator import HIGH
from tests.attacks.choices import MODELS, N_CLIENTS, TARGETS, Choice

EVERYBODY = range(N_CLIENTS)


def probability_of_high(estimator, rows):
    return estimator.scores(rows).softmax(1)[:, HIGH].detach()


@pytest.mark.parametrize("model", MODELS)
def test_alignment_moves_every_target_towards_popular_items(model):
    """The upload differs from that of explicit promotion alone by a gradient that is not zero and raises P(high)."""
    aligned, promotion = Choice("pipa", "popularity", model).begun(alignment=2.0), Choice("pipa", "masked", model).begun()
    assert promotion.estimator is None
    for view in Choice("pipa", "popularity", model).views([EVERYBODY] * 3):
        with_levels, alone = (attack.poison(view).rows.view(N_CLIENTS, len(TARGETS), -1) for attack in (aligned, promotion))
        rows = view.model.items[TARGETS]
        gradient = aligned.estimator.alignment_gradient(rows)
        assert torch.allclose(with_levels - alone, 2.0 * gradient.expand_as(alone), atol=1e-6)
        assert bool((gradient.norm(dim=1) > 1e-4).all())
        moved = probability_of_high(aligned.estimator, rows - 0.1 * gradient)
        assert bool((moved > probability_of_high(aligned.estimator, rows)).all())


def test_alignment_followed_to_the_end_makes_the_targets_high():
    attack = Choice("pipa", "popularity", "mf").begun(estimator_steps=50)
    (view,) = Choice("pipa", "popularity", "mf").views([EVERYBODY])
    attack.poison(view)
    rows = view.model.items[TARGETS]
    for _ in range(500):
        rows = rows - attack.estimator.alignment_gradient(rows)
    assert bool((probability_of_high(attack.estimator, rows) > 0.9).all())


@pytest.mark.parametrize(("score", "share"), [(-1000.0, 1.0), (1000.0, 0.0), (0.0, 0.5)])
def test_explicit_promotion_takes_no_logarithm_of_a_score(score, share):
    """However wrong or right a score is, the gradient is the user's embedding times 1 - sigmoid(score)."""
    attack = Choice("pipa", "masked", "mf").begun(targets=[3])
    size = attack.users.shape[1]
    attack.users[:] = 0.0
    attack.users[:, 0] = 1.0
    items = torch.zeros(80, size)
    items[3, 0] = score
    upload = attack.poison(AttackerView(0, torch.arange(2), GlobalModel(items), 1.0))
    expected = torch.zeros(2, size)
    expected[:, 0] = -share
    assert torch.allclose(upload.rows, expected)
    assert attack.users.isfinite().all()


@pytest.mark.parametrize("score", [-1000.0, 1000.0])
def test_explicit_promotion_of_a_perceptron_stays_finite(score):
    attack = Choice("pipa", "masked", "ncf").begun()
    (view,) = Choice("pipa", "masked", "ncf").views([EVERYBODY])
    parameters = dict(view.model.scorer) | {"h": view.model.scorer["h"].sign() * abs(score)}
    model = GlobalModel(view.model.items * 100, parameters)
    scores = attack.known.model.score(attack.users[:, None], model.items[TARGETS], parameters)
    assert float(scores.abs().max()) > 1000
    assert attack.poison(AttackerView(0, view.clients, model, 1.0)).rows.isfinite().all()


def test_levels_follow_the_ranks():
    attack = Choice("pipa", "popularity", "mf").attack()
    attack.high_share, attack.medium_share = 0.1, 0.45
    assert attack.levels(torch.arange(1, 21)).tolist() == [0] * 2 + [1] * 9 + [2] * 9
    assert attack.levels(torch.tensor([3, 1, 4, 2])).tolist() == [2, 1, 2, 1]


def test_shares_that_leave_no_low_items():
    with pytest.raises(ValueError, match=r"attack\.medium_share = 0\.45: with attack\.high_share = 0\.6 it must stay below 1"):
        Choice("pipa", "masked", "mf").begun(high_share=0.6)


def test_the_distance_term_pulls_back_what_the_clients_have_moved():
    """With weight 1 the clients of a round together take back all that was done before, and add what explicit promotion adds."""
    choice = Choice("pip_attack", "masked", "mf")
    near, free = choice.begun(distance=1.0), Choice("pipa", "masked", "mf").begun()
    done = torch.zeros(len(TARGETS), 1)
    for view in choice.views([EVERYBODY, [1, 4], EVERYBODY]):
        rows, promotion = (attack.poison(view).rows.view(len(view.clients), len(TARGETS), -1).sum(0) for attack in (near, free))
        assert torch.allclose(rows, promotion + done, atol=1e-5)
        done = done - view.learning_rate * rows
