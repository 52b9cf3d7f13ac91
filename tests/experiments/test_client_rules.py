"""The loops over clients that the benchmark compares with do what the rules do."""

import pytest
import torch

from experiments.timing.byzfl_rules import Capture, built
from experiments.timing.client_rules import CLIENT_RULES, Round, matrices_of
from experiments.timing.federation_clock import FederationClock
from fedrec.aggregation.aggregate import aggregate
from fedrec.interfaces import Defense

SOURCE = ("dataset=synthetic", "dataset.users=40", "dataset.items=200", "dataset.interactions=2000", "system.clients_per_round=44")
ALL_COORDINATES = {"dnc": "dnc coordinates=1", "sign_guard": "sign_guard coordinates=1", "guard_cq": "guard_cq user_steps=0"}


@pytest.mark.parametrize("attack", ["spattack", "min_max"])
@pytest.mark.parametrize("name", sorted(CLIENT_RULES))
def test_a_loop_gives_what_the_rule_gives(name, attack):
    clock, capture = FederationClock(), Capture()
    clock.prepare(*SOURCE, f"attack={attack}", "system.malicious_share=0.1")
    system = clock.experiment.system
    system.defense = Defense(server=capture)
    clock.rounds(1)
    defense, options = built(ALL_COORDINATES.get(name, name), [*SOURCE, "system.malicious_share=0.1"], system)
    updates, server = matrices_of(capture.upload, capture.view, seed=0)
    known = Round(**{**vars(server), "malicious_share": options.get("malicious_share", 0.0), "coordinates": 1.0, "sampled_items": 200})
    expected = aggregate(defense, capture.upload, capture.view)[0]
    torch.testing.assert_close(CLIENT_RULES[name](updates, known), expected.gradient.items, rtol=1e-3, atol=1e-5)
    assert expected.accepted is not None and (attack != "spattack" or not expected.accepted.all())
