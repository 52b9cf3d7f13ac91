"""Bucketing against the oracle, alone and before rules."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedrec.aggregation.aggregate import aggregate
from fedrec.config.build import build, check
from fedrec.config.compose import compose
from fedrec.defenses.bucketing import Bucketing
from fedrec.defenses.flame import Flame
from fedrec.defenses.median import Median
from fedrec.interfaces import Defense
from tests.defenses.test_nnm import plain_sum
from tests.defenses.uploads import MORE, cases, of_rows
from tests.reference.defenses import RobustSum, heard
from tests.reference.whole_update_rules import bucketing


@pytest.mark.parametrize("scope", ["per_item", "whole_update"])
@MORE
@given(one=cases(), s=st.integers(1, 5), round=st.integers(0, 3))
def test_equals_the_oracle(scope, one, s, round):
    model, view, senders = one.view.model, replace(one.view, round=round), heard(one.sent)
    places = torch.randperm(len(senders), generator=view.generator("bucketing")).tolist()
    sent = bucketing(one.sent, model.items, model.scorer, s, scope, places)
    for server, oracle in ((None, plain_sum), (Median(), RobustSum("median"))):
        if server and scope == "whole_update":
            continue  # the oracle leaves out rows of 0
        gradient = aggregate(Defense(transforms=[Bucketing(s=s, scope=scope)], server=server), one.upload, view)[0].gradient
        items, parameters = oracle(model.items, model.scorer, sent)
        assert torch.allclose(gradient.items, items, rtol=1e-9, atol=1e-9)
        for name, value in gradient.scorer.items():
            assert torch.allclose(value, parameters.get(name, torch.zeros_like(value)), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("scope", ["per_item", "whole_update"])
@given(one=cases(broken=False), s=st.integers(1, 5))
def test_the_sum_stays(scope, one, s):
    changed = Bucketing(s=s, scope=scope)(one.upload, one.view)
    n_items = len(one.view.model.items)
    (items, scorer), (expected, parameters) = changed.total(n_items), one.upload.total(n_items)
    assert torch.allclose(items, expected, atol=1e-9)
    assert all(torch.allclose(value, parameters[name], atol=1e-9) for name, value in scorer.items())


@pytest.mark.parametrize("s", [2, 3])
def test_buckets(s):
    """Of five rows each is in a bucket of s, or in the last one; another item has buckets of its own."""
    rows = torch.tensor([[1.0], [10.0], [100.0], [1000.0], [10000.0], [7.0]]).double()
    one = of_rows(torch.tensor([0] * 5 + [1]), torch.tensor([0, 1, 2, 3, 4, 2]), rows, 5)
    means = Bucketing(s=s, scope="per_item")(one.upload, one.view).rows.flatten().tolist()
    assert means[0] == 7.0  # items with few rows come first
    sizes = sorted(means[1:].count(mean) for mean in set(means[1:]))
    assert sizes == ([1, 2, 2] if s == 2 else [2, 3])
    assert sum(means[1:]) == pytest.approx(11111)


def test_a_client_sends_what_its_bucket_holds():
    """Two clients in one bucket with different items: both send both, halved."""
    one = of_rows(torch.tensor([0, 1]), torch.tensor([0, 1]), torch.tensor([[2.0], [4.0]]).double(), 2)
    changed = Bucketing(s=2, scope="whole_update")(one.upload, one.view)
    sent = sorted(zip(changed.items.tolist(), changed.segments.tolist(), changed.rows.flatten().tolist(), strict=True))
    assert sent == [(0, 0, 1.0), (0, 1, 1.0), (1, 0, 2.0), (1, 1, 2.0)]


def test_every_round_has_buckets_of_its_own():
    one = of_rows(torch.zeros(30).int(), torch.arange(30), torch.randn(30, 1).double(), 30)
    rule, views = Bucketing(s=2, scope="per_item"), [replace(one.view, round=round, seed=seed) for round, seed in ((0, 0), (1, 0), (0, 1))]
    first, later, other = (rule(one.upload, view).rows for view in views)
    assert torch.equal(first, rule(one.upload, views[0]).rows)
    assert not torch.equal(first, later) and not torch.equal(first, other)


@pytest.mark.parametrize(("names", "kind"), [("bucketing,median", Median), ("bucketing,arc,flame", Flame), ("ours,bucketing,flame", Flame)])
def test_before_a_rule(names, kind):
    config = compose(f"defense=[{names}]")
    check(config)
    defense = build(config.defense)
    assert isinstance(defense.server, kind) and isinstance(defense.transforms[0], Bucketing)
