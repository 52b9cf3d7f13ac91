"""Gradients of made-up users against automatic differentiation, user by user."""

import pytest
import torch
from torch.nn.functional import logsigmoid

from fedrec.poisoning.fake_users import fake_gradients, promotion_loss, target_upload
from tests.attacks.choices import MODELS, TARGETS, Choice


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("n_clients", [0, 1, 3])
def test_fake_gradients(model, n_clients):
    choice = Choice("a_ra", None, model)
    (view,) = choice.views([[0]])
    recommender, targets, n_fake = choice.recommender(), torch.tensor(TARGETS), 4
    users = torch.randn(n_clients, n_fake, view.model.items.shape[1], generator=torch.Generator().manual_seed(0))
    fake, weights = fake_gradients(recommender, users, targets, view.model, promotion_loss), torch.tensor([0.5, 0.0, 2.0, 1.0])
    rows, scorer = fake.target_rows(weights), fake.scorer(weights)
    assert rows.shape == (n_clients, len(TARGETS), users.shape[2]) and set(scorer) == set(view.model.scorer)
    assert all(value.shape == (n_clients, *view.model.scorer[name].shape) for name, value in scorer.items())
    for client in range(n_clients):
        leaves = [view.model.items[targets].clone(), users[client].clone(), *(value.clone() for value in view.model.scorer.values())]
        items, own, *parameters = (leaf.requires_grad_() for leaf in leaves)
        scores = recommender.score(own[:, None], items[None], dict(zip(view.model.scorer, parameters, strict=True)))  # [s, T]
        losses = -logsigmoid(scores).mean(1)
        of_items, *of_scorer = torch.autograd.grad(weights @ losses, [items, *parameters], retain_graph=True)
        (of_users,) = torch.autograd.grad(losses.sum(), own)
        assert torch.allclose(rows[client], of_items, atol=1e-6) and torch.allclose(fake.users[client], of_users, atol=1e-6)
        assert all(torch.allclose(value[client], expected, atol=1e-5) for value, expected in zip(scorer.values(), of_scorer, strict=True))


def test_target_upload():
    rows = torch.arange(8.0).view(2, 2, 2)
    upload = target_upload(torch.tensor([7, 5, 9]), torch.tensor([0, 2]), torch.tensor([3, 1]), rows, {"h": torch.ones(2, 4)})
    assert (upload.items.tolist(), upload.segments.tolist()) == ([3, 1, 3, 1], [0, 0, 2, 2])
    assert torch.equal(upload.rows, rows.flatten(0, 1))
    assert upload.scorer_rows()[0].tolist() == [0, 2]
    assert target_upload(torch.tensor([7]), torch.tensor([0]), torch.tensor([3]), rows[:1, :1], {}).scorer == ()
