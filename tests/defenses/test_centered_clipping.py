"""Centered clipping against the oracle over several rounds, and what it remembers."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedrec.aggregation.aggregate import aggregate
from fedrec.config.build import build, check
from fedrec.config.compose import compose
from fedrec.defenses.centered_clipping import CenteredClipping
from fedrec.interfaces import Defense
from tests.defenses.uploads import MORE, case, cases, of_rows
from tests.reference import centering as oracle_centering
from tests.reference.federations import SYSTEM, Case, build_system

SCOPES = ["per_item", "whole_update"]


def build_rule(scope, tau=0.5, iterations=2):
    return CenteredClipping(tau=tau, iterations=iterations, scope=scope)


@MORE
@given(
    one=cases(),
    seeds=st.lists(st.integers(0, 99), max_size=3),
    iterations=st.integers(1, 3),
    tau=st.sampled_from([0.1, 1.0, 100.0]),
    scope=st.sampled_from(SCOPES),
)
def test_equals_the_oracle_round_after_round(one, seeds, iterations, tau, scope):
    """Later rounds bring other clients, other items, and items that nobody sends."""
    rule = build_rule(scope, tau, iterations)
    oracle = oracle_centering.CentredSum(oracle_centering.CenteredClipping(iterations, tau), scope)
    n_items, d = one.view.model.items.shape
    parameters = bool(one.view.model.scorer)
    for rounds in [one, *(case(seed, 1 + seed % 6, n_items, 3, size=d, parameters=parameters, silent=0.3) for seed in seeds)]:
        aggregation, _ = aggregate(Defense(server=rule), rounds.upload, rounds.view)
        items, tensors = oracle(rounds.view.model.items, rounds.view.model.scorer, rounds.sent)
        assert torch.allclose(aggregation.gradient.items, items, rtol=1e-9, atol=1e-9)
        assert aggregation.gradient.scorer.keys() == tensors.keys()
        for name, value in aggregation.gradient.scorer.items():
            assert torch.allclose(value, tensors[name], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("model", ["mf", "ncf"])
@pytest.mark.parametrize("scope", SCOPES)
def test_goes_on_from_a_saved_state(model, scope):
    positives = [[user % 7, (user + 3) % 7] for user in range(9)]
    one = Case(positives, 8, [0], "none", {}, None, {**SYSTEM, "learning_rate": 0.1}, 0, model)

    def system():
        built = build_system(one)
        built.defense = replace(built.defense, server=build_rule(scope, 0.05))
        return built

    whole, first, second = system(), system(), system()
    list(whole.rounds())
    rounds = first.rounds()
    next(rounds), next(rounds)
    second.load_state_dict(first.state_dict())
    next(rounds)  # what was saved stays as it was
    list(second.rounds())
    assert torch.equal(second.global_model.items, whole.global_model.items)
    assert torch.equal(second.users, whole.users)
    assert all(torch.equal(second.global_model.scorer[name], value) for name, value in whole.global_model.scorer.items())


@pytest.mark.parametrize("scope", SCOPES)
def test_nobody_moves_the_result_far(scope):
    rows = torch.tensor([[0.0, 0.0]] * 9 + [[1e6, 0.0]]).double()
    one = of_rows(torch.zeros(10).int(), torch.arange(10), rows, 10)
    result = aggregate(Defense(server=build_rule(scope, 0.5, 1)), one.upload, one.view)[0].gradient.items[0]
    assert result.tolist() == pytest.approx([0.5, 0.0])


@pytest.mark.parametrize(("overrides", "tau"), [((), 0.001), (("model=ncf",), 0.5), (("model=ncf", "defense.tau=2"), 2)])
def test_tau_follows_the_model(overrides, tau):
    config = compose("defense=centered_clipping", *overrides)
    check(config)
    assert build(config.defense).server.tau == tau
