"""A-hum's synthetic users are hard: they like the targets less than those that A-ra would have drawn."""

import pytest
from torch.nn.functional import softplus

from fedrec.attacks.a_ra import RandomApproximation
from tests.attacks.choices import MODELS, TARGETS, Choice

ROUNDS = [[2, 0, 5], [1]]


def scores(attack, users, view):
    """Return the scores of the targets, [A, s, T]."""
    targets = view.model.items[attack.known.target_items]
    return attack.known.model.score(users[:, :, None], targets, view.model.scorer)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("user_std", [0.01, 1.0])
def test_hard_users_score_the_target_lower_than_the_drawn_ones(model, user_std):
    choice = Choice("a_hum", None, model)
    attack = choice.begun(TARGETS[:1], user_std=user_std)
    for view in choice.views(ROUNDS):
        drawn, hard = (scores(attack, users, view) for users in (RandomApproximation.users(attack, view), attack.users(view)))
        assert drawn.shape == (len(view.clients), attack.synthetic_users, 1)
        assert bool((hard <= drawn + 1e-6).all())
        assert float(hard.mean()) < float(drawn.mean()) - 1e-4


@pytest.mark.parametrize("model", MODELS)
def test_more_steps_make_harder_users(model):
    """The mean cross-entropy with label 0 falls from step to step."""
    choice = Choice("a_hum", None, model)
    (view,) = choice.views(ROUNDS[:1])
    losses = []
    for steps in (1, 10, 30):
        attack = choice.begun(steps=steps, user_std=1.0)
        losses.append(float(softplus(scores(attack, attack.users(view), view)).mean()))
    assert losses[0] > losses[1] > losses[2]
