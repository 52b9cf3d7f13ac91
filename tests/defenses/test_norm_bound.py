"""NormBound against the oracle, alone and before a rule."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedrec.aggregation.aggregate import aggregate
from fedrec.defenses.krum import Krum
from fedrec.defenses.norm_bound import NormBound
from fedrec.interfaces import Defense
from tests.defenses.uploads import KINDS, MORE, case, of_rows
from tests.reference.defenses import RobustSum, norm_bound

KRUM = {"malicious_share": 0.2, "fallback": "sum", "score": "paper", "scope": "per_item", "scorer_share": "clients"}


@pytest.mark.parametrize("scope", ["per_item", "whole_update"])
@pytest.mark.parametrize("rule", ["sum", "krum"])
@MORE
@given(data=st.data())
def test_equals_the_oracle(scope, rule, data):
    """Rows of a client for one item are added up before they are clipped."""
    draw = data.draw
    one = case(draw(st.integers(0, 999)), draw(st.integers(1, 12)), 4, 4, draw(KINDS), parameters=draw(st.booleans()), silent=0.3)
    bound = draw(st.sampled_from([1e-3, 1.0, 2.0, 100.0]))
    defense = Defense(transforms=(NormBound(C=bound, scope=scope),), server=Krum(**KRUM) if rule == "krum" else None)
    aggregation, n_dropped = aggregate(defense, one.upload, one.view)
    total, parameters = RobustSum(rule, 0.2)(one.view.model.items, one.view.model.scorer, norm_bound(one.sent, bound, scope))
    assert n_dropped == 0
    assert torch.allclose(aggregation.gradient.items, total, rtol=1e-9, atol=1e-12)
    for name, value in aggregation.gradient.scorer.items():
        assert torch.allclose(value, parameters.get(name, torch.zeros_like(value)), rtol=1e-9, atol=1e-12)


def test_short_rows_stay_as_they_are_and_long_ones_become_as_long_as_allowed():
    rows = torch.tensor([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]]).double()
    one = of_rows(torch.tensor([0, 1, 2]), torch.tensor([0, 1, 1]), rows, 2)
    clipped = NormBound(C=1.0, scope="per_item")(one.upload, one.view)
    assert torch.allclose(clipped.rows, torch.tensor([[0.6, 0.8], [0.3, 0.4], [0.0, 0.0]]).double())
