"""GuardCQ against the oracle, which applies every client's update alone and scores all items again, and by hand."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedrec.aggregation.aggregate import aggregate
from fedrec.defenses.guard_cq import GuardCQ
from fedrec.interfaces import Defense, DenseScorerGradients, GlobalModel, ScorerPart, ServerKnowledge, ServerView
from fedrec.models.losses import bce
from fedrec.randomness import generator
from tests.defenses.uploads import KINDS, case, of_rows, sent_by
from tests.reference.defenses import heard
from tests.reference.federations import MODELS
from tests.reference.filtering_defenses import GuardCQSum

LIMITS = {"popular_share": 0.4, "window": 2, "least_gap": 0.1, "exempt_items": 0, "user_steps": 0}
RATE = 0.5


def begun(n_clients, n_items, model="mf", **limits):
    rule = GuardCQ(virtual_users=3, user_std=1.0, **{**LIMITS, **limits})
    rule.setup(ServerKnowledge(n_clients, n_items, MODELS[model], bce, 0, torch.device("cpu")))
    return rule


def received(model, seed, n_items):
    """Return a global model in float64 with embeddings that are not 0."""
    _, drawn = MODELS[model].initialise(1, n_items, generator(seed, "model"))
    return GlobalModel(drawn.items.double(), {name: value.double() for name, value in drawn.scorer.items()})


def with_parameters(one, view, silent, seed):
    """Let some clients of a case send gradients of the scorer, too."""
    drawing = generator(seed, "scorer")
    senders = (torch.rand(len(one.upload.clients), generator=drawing) >= silent).nonzero().flatten()
    shapes = {name: (len(senders), *value.shape) for name, value in view.model.scorer.items()}
    values = {name: torch.randn(shape, generator=drawing).double() for name, shape in shapes.items()}
    return replace(one.upload, scorer=(ScorerPart(senders, DenseScorerGradients(values)),) if values else ())


def users_of(rule, round, size):
    drawn = torch.randn(rule.virtual_users, size, generator=generator(rule.known.seed, f"users/{round}"))
    return (drawn * rule.user_std).double()


@given(data=st.data())
def test_equals_the_oracle(data):
    """Over rounds, saved and loaded between them, in which clients send ragged rows, repeat items or send nothing."""
    draw = data.draw
    model, n, n_items, seed = (
        draw(st.sampled_from(["mf", "ncf"])),
        draw(st.integers(1, 9)),
        draw(st.integers(1, 12)),
        draw(st.integers(0, 999)),
    )
    limits = {
        "popular_share": draw(st.sampled_from([0.1, 0.5, 1.0])),
        "window": draw(st.integers(1, 3)),
        "least_gap": draw(st.sampled_from([0.0, 0.1, 0.4])),
        "exempt_items": draw(st.integers(0, 2)),
        "user_steps": draw(st.sampled_from([0, 1, 3])),
    }
    shape = (n, n_items, draw(st.integers(0, 8)), draw(KINDS))
    options, silent = {"broken": draw(st.sampled_from([0.0, 0.2])), "ties": draw(st.booleans())}, draw(st.sampled_from([0.0, 0.4]))
    rule, expected = begun(n + 2, n_items, model, **limits), GuardCQSum(**limits)
    for round in range(4):
        view = ServerView(round, received(model, seed + round, n_items), RATE)
        one = case(seed + round, *shape, **options)
        upload = replace(
            with_parameters(one, view, silent, seed + round), clients=torch.randperm(n + 2, generator=generator(seed + round, "who"))[:n]
        )
        aggregation, _ = aggregate(Defense(server=rule), upload, view)
        sent, users = sent_by(upload), users_of(rule, round, view.model.items.shape[1])
        total, parameters = expected(view.model.items, view.model.scorer, sent, upload.clients.tolist(), users, RATE)
        assert aggregation.inspected[aggregation.accepted].tolist() == expected.kept
        assert aggregation.inspected.tolist() == heard(sent)
        assert torch.allclose(aggregation.gradient.items, total, rtol=1e-9, atol=1e-9)
        for name, value in aggregation.gradient.scorer.items():
            assert torch.allclose(value, parameters[name], rtol=1e-9, atol=1e-9)
        state, rule = rule.state_dict(), begun(n + 2, n_items, model, **limits)
        rule.load_state_dict(state)


def crowd(n_items=40, n_honest=9):
    """Honest clients push the items with the highest scores up, and the last client pushes all of them down."""
    rule = begun(n_honest + 1, n_items, popular_share=0.25)
    view = ServerView(0, received("mf", 0, n_items), RATE)
    direction = users_of(rule, 0, 3).sum(0)
    best = (view.model.items @ direction).argsort(descending=True)[:10]
    items = best.repeat(n_honest + 1)
    rows = (-direction).repeat(len(items), 1)
    rows[-10:] *= -1
    return rule, view, of_rows(items, torch.arange(n_honest + 1).repeat_interleave(10), rows, n_honest + 1).upload


def test_who_pushes_popular_items_down_is_dropped():
    rule, view, upload = crowd()
    aggregation, _ = aggregate(Defense(server=rule), upload, view)
    assert aggregation.accepted.tolist() == [True] * 9 + [False]
    kept, _ = aggregate(Defense(), replace(upload).from_clients(torch.arange(10) < 9), view)
    assert torch.allclose(aggregation.gradient.items, kept.gradient.items)


@pytest.mark.parametrize("limits", [{"exempt_items": 10}, {"least_gap": 1.0}])
def test_nobody_is_dropped_who_is_exempt_or_without_a_gap(limits):
    rule, view, upload = crowd()
    for name, value in limits.items():
        setattr(rule, name, value)
    assert aggregate(Defense(server=rule), upload, view)[0].accepted.all()


def test_only_the_latest_participations_count():
    """A client that was dropped and behaves for as many rounds as the window has is as good as the others."""
    rule, view, upload = crowd()
    honest = replace(upload, groups=upload.weighted(torch.tensor([1.0] * 9 + [-1.0]).double()).groups)
    decisions = [bool(aggregate(Defense(server=rule), sent, view)[0].accepted[-1]) for sent in (upload, honest, honest)]
    assert decisions == [False, False, True]
