"""Nearest-neighbour mixing against the oracle, alone and before other rules."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedrec.aggregation.aggregate import aggregate
from fedrec.config.build import build, check
from fedrec.config.compose import compose
from fedrec.defenses.krum import Krum
from fedrec.defenses.median import Median
from fedrec.defenses.nnm import NearestNeighborMixing
from fedrec.defenses.norm_bound import NormBound
from fedrec.defenses.trimmed_mean import TrimmedMean
from fedrec.interfaces import Defense
from tests.defenses.uploads import MORE, cases, of_rows
from tests.reference import centering as oracle_centering
from tests.reference.defenses import RobustSum


def check_against(one, share, server, oracle):
    defense = Defense(transforms=[NearestNeighborMixing(malicious_share=share)], server=server)
    aggregation, _ = aggregate(defense, one.upload, one.view)
    sent = oracle_centering.mixed_uploads(one.sent, share)
    items, parameters = oracle(one.view.model.items, one.view.model.scorer, sent)
    assert torch.allclose(aggregation.gradient.items, items, rtol=1e-9, atol=1e-9)
    for name, value in aggregation.gradient.scorer.items():
        assert torch.allclose(value, parameters.get(name, torch.zeros_like(value)), rtol=1e-9, atol=1e-9)


def plain_sum(items, scorer, uploads):
    total, parameters = torch.zeros_like(items), {}
    for numbers, rows, tensors in uploads:
        for item, row in zip(numbers.tolist(), rows, strict=True):
            total[item] += row
        for name, value in tensors.items():
            parameters[name] = parameters.get(name, 0) + value
    return total, parameters


@MORE
@given(one=cases(), share=st.sampled_from([0.0, 0.05, 0.2, 0.34, 0.5]))
def test_equals_the_oracle(one, share):
    check_against(one, share, None, plain_sum)
    check_against(one, share, Median(), RobustSum("median"))


@MORE
@given(one=cases(whole_numbers=False), share=st.sampled_from([0.05, 0.2, 0.34]))
def test_before_trimming(one, share):
    rule = TrimmedMean(malicious_share=share, fallback="sum", score="original", scorer_share="clients")
    check_against(one, share, rule, RobustSum("trimmed_mean", share, score="original"))


def test_one_upload_stays_and_a_far_one_is_left_out():
    rows = torch.tensor([[7.0], [1.0], [2.0], [3.0], [1000.0]]).double()
    one = of_rows(torch.tensor([0, 1, 1, 1, 1]), torch.tensor([0, 0, 1, 2, 3]), rows, 4)
    mixed = NearestNeighborMixing(malicious_share=0.25)(one.upload, one.view)  # f = 1 of four
    assert mixed.items.tolist() == [0, 1, 1, 1, 1]
    assert mixed.rows.flatten().tolist() == pytest.approx([7, 2, 2, 2, 1005 / 3])


@pytest.mark.parametrize("names", [("norm_bound", "nnm"), ("nnm", "norm_bound"), ("nnm",)])
def test_order_is_that_of_the_command_line(names):
    config = compose(f"defense=[{','.join(names)},median]", "defense.malicious_share=0.2")
    check(config)
    defense = build(config.defense)
    kinds = {"norm_bound": NormBound, "nnm": NearestNeighborMixing}
    assert [type(transform) for transform in defense.transforms] == [kinds[name] for name in names]
    assert isinstance(defense.server, Median)


def test_the_order_matters():
    """A long row cannot turn the mean its way if it is clipped before mixing; if it is clipped after mixing, it can."""
    rows = torch.tensor([[0.001, 0.0], [0.0, 0.001], [9.0, 0.0]]).double()
    one = of_rows(torch.zeros(3).int(), torch.arange(3), rows, 3)
    results = []
    for names in ("norm_bound,nnm", "nnm,norm_bound"):
        config = compose(f"defense=[{names}]", "defense.malicious_share=0")
        results.append(aggregate(build(config.defense), one.upload, one.view)[0].gradient.items[0])
    assert results[0].tolist() == pytest.approx([0.002, 0.001])
    assert all(one.norm() <= 0.003 + 1e-12 for one in results)
    assert all(not torch.allclose(one, other) for one, other in pairwise(results))


def test_shares_its_option_with_the_rule_behind():
    config = compose("defense=[nnm,krum]", "defense.malicious_share=0.3")
    check(config)
    defense = build(config.defense)
    assert isinstance(defense.server, Krum)
    assert defense.transforms[0].malicious_share == defense.server.malicious_share == 0.3
