"""ARC against the oracle, alone and before a rule."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedrec.aggregation.aggregate import aggregate
from fedrec.config.build import build, check
from fedrec.config.compose import compose
from fedrec.defenses.arc import AdaptiveRobustClipping
from fedrec.defenses.krum import Krum
from fedrec.defenses.median import Median
from fedrec.interfaces import Defense
from tests.defenses.test_nnm import plain_sum
from tests.defenses.uploads import cases, of_rows
from tests.reference.defenses import RobustSum
from tests.reference.whole_update_rules import arc


@pytest.mark.parametrize("scope", ["per_item", "whole_update"])
@given(one=cases(), share=st.sampled_from([0.0, 0.05, 0.2, 0.34, 0.5]))
def test_equals_the_oracle(scope, one, share):
    model = one.view.model
    sent = arc(one.sent, model.items, model.scorer, share, scope)
    for server, oracle in ((None, plain_sum), (Median(), RobustSum("median"))):
        if server and scope == "whole_update":
            continue  # the oracle leaves out rows of 0
        defense = Defense(transforms=[AdaptiveRobustClipping(malicious_share=share, scope=scope)], server=server)
        gradient = aggregate(defense, one.upload, one.view)[0].gradient
        items, parameters = oracle(model.items, model.scorer, sent)
        assert torch.allclose(gradient.items, items, rtol=1e-9, atol=1e-9)
        for name, value in gradient.scorer.items():
            assert torch.allclose(value, parameters.get(name, torch.zeros_like(value)), rtol=1e-9, atol=1e-9)


def test_how_many_are_clipped():
    """f = 2 of ten: floor(2 * 0.2 * 8) = 3 rows become as long as the fourth; the other item gets one row."""
    rows = torch.tensor([[7.0], *([float(length)] for length in range(1, 11))]).double()
    one = of_rows(torch.tensor([0] + [1] * 10), torch.tensor([0, *range(10)]), rows, 10)
    clipped = AdaptiveRobustClipping(malicious_share=0.2, scope="per_item")(one.upload, one.view)
    assert clipped.rows.flatten().tolist() == pytest.approx([7, 1, 2, 3, 4, 5, 6, 7, 7, 7, 7])


@pytest.mark.parametrize("scope", ["per_item", "whole_update"])
def test_zeros_stay_zeros(scope):
    one = of_rows(torch.zeros(4).int(), torch.arange(4), torch.zeros(4, 2).double(), 4)
    assert not AdaptiveRobustClipping(malicious_share=0.5, scope=scope)(one.upload, one.view).rows.any()


def test_shares_its_options_with_the_rule_behind():
    config = compose("defense=[arc,krum]", "defense.malicious_share=0.3", "defense.scope=whole_update")
    check(config)
    defense = build(config.defense)
    assert isinstance(defense.server, Krum)
    assert defense.transforms[0].malicious_share == defense.server.malicious_share == 0.3
    assert defense.transforms[0].scope == defense.server.scope == "whole_update"
