"""Median, trimmed mean, Krum, MultiKrum and Bulyan against the oracle, on random ragged uploads."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fedrec.aggregation.aggregate import aggregate
from fedrec.defenses.bulyan import Bulyan
from fedrec.defenses.krum import Krum
from fedrec.defenses.median import Median
from fedrec.defenses.multi_krum import MultiKrum
from fedrec.defenses.trimmed_mean import TrimmedMean
from fedrec.interfaces import Defense
from tests.defenses.uploads import KINDS, case, of_rows
from tests.reference.defenses import RobustSum

CLASSES = {"median": Median, "trimmed_mean": TrimmedMean, "krum": Krum, "multi_krum": MultiKrum, "bulyan": Bulyan}
SCOPED = ("krum", "multi_krum", "bulyan")


def build(rule, share, fallback, score, scope):
    if rule == "median":
        return Median()
    options = {"malicious_share": share, "fallback": fallback, "score": score}
    return CLASSES[rule](**options, **({"scope": scope} if rule in SCOPED else {}))


def check(one, rule, share, fallback="sum", score="paper", scope="per_item", exact=False):
    """Equal but where others score the same but for rounding; `exact`: there, too, the first of equals."""
    aggregation, n_dropped = aggregate(Defense(server=build(rule, share, fallback, score, scope)), one.upload, one.view)
    expected = RobustSum(rule, share, fallback, score, scope if rule in SCOPED else "per_item")
    total, parameters = expected(one.view.model.items, one.view.model.scorer, one.sent)
    assert n_dropped == expected.n_dropped
    doubtful = [] if exact else expected.doubtful
    for item in set(range(len(total))) - set(doubtful):
        assert torch.allclose(aggregation.gradient.items[item], total[item], rtol=1e-9, atol=1e-9)
    for name in set(aggregation.gradient.scorer) - set(doubtful):
        value = aggregation.gradient.scorer[name]
        assert torch.allclose(value, parameters.get(name, torch.zeros_like(value)), rtol=1e-9, atol=1e-9)
    assert sorted(aggregation.fell_back.tolist()) == sorted(expected.fell_back)
    return aggregation, expected


@pytest.mark.parametrize("rule", CLASSES)
@settings(max_examples=150)
@given(data=st.data())
def test_rules_equal_the_oracle(rule, data):
    """f = 0 and more, items with one row and with many, several rows of a client for an item, rows that are not finite."""
    draw = data.draw
    parameters = draw(st.booleans())
    one = case(
        draw(st.integers(0, 999)),
        draw(st.integers(1, 24)),
        draw(st.integers(1, 6)),
        draw(st.integers(1, 5)),
        draw(KINDS),
        parameters=parameters,
        broken=draw(st.sampled_from([0.0, 0.2])),
        silent=draw(st.sampled_from([0.0, 0.3])),
    )
    share = draw(st.sampled_from([0.0, 0.05, 0.1, 0.2, 0.34, 0.5]))
    check(
        one,
        rule,
        share,
        draw(st.sampled_from(["sum", "skip"])),
        draw(st.sampled_from(["paper", "original"])),
        draw(st.sampled_from(["per_item", "whole_update"])),
    )


@pytest.mark.parametrize("rule", CLASSES)
@pytest.mark.parametrize("score", ["paper", "original"])
@given(data=st.data())
def test_ties(rule, score, data):
    """Rows of -1, 0 and 1. Squared distances are whole numbers, so of equal scores the first wins; roots are not."""
    draw = data.draw
    one = case(draw(st.integers(0, 999)), draw(st.integers(1, 24)), 2, 2, draw(st.sampled_from(["dense", "factored", "behind"])), ties=True)
    share = draw(st.sampled_from([0.0, 0.1, 0.2, 0.34]))
    scope = draw(st.sampled_from(["per_item", "whole_update"]))
    check(one, rule, share, "sum", score, scope, exact=score == "original")


@pytest.mark.parametrize("rule", CLASSES)
@pytest.mark.parametrize("score", ["paper", "original"])
def test_from_one_upload_to_three_hundred(rule, score):
    """Item 0 gets a row from everybody, others from fewer; groups of similar sizes are handled together."""
    generator = torch.Generator().manual_seed(1)
    counts = [300, 299, 120, 79, 70, 62, *range(61, 0, -1)]
    items = torch.cat([torch.full((count,), item) for item, count in enumerate(counts)])
    senders = torch.cat([torch.randperm(300, generator=generator)[:count] for count in counts])
    rows = torch.randn(len(items), 3, generator=generator).double()
    check(of_rows(items, senders, rows, 300), rule, 0.05, score=score)


@pytest.mark.parametrize("rule", CLASSES)
@pytest.mark.parametrize("scope", ["per_item", "whole_update"])
def test_equal_rows_give_n_times_the_row(rule, scope):
    row = torch.tensor([1.0, -2.0, 0.5]).double()
    one = of_rows(torch.zeros(12).int(), torch.arange(12), row.expand(12, 3), 12)
    aggregation, _ = aggregate(Defense(server=build(rule, 0.1, "skip", "paper", scope)), one.upload, one.view)  # f = 1
    n = 10 if rule in ("multi_krum", "bulyan") else 12
    assert torch.allclose(aggregation.gradient.items[0], n * row)


@pytest.mark.parametrize("rule", ["krum", "multi_krum", "bulyan"])
@pytest.mark.parametrize("score", ["paper", "original"])
@pytest.mark.parametrize(("share", "length"), [(0.03, 1e4), (0.1, 1e12)])
def test_in_single_precision_one_huge_row_changes_no_choice_among_the_others(rule, score, share, length):
    rows = torch.randn(40, 8, generator=torch.Generator().manual_seed(3)).double()
    rows[17] *= length
    one = of_rows(torch.zeros(40).int(), torch.arange(40), rows, 40)
    single = of_rows(torch.zeros(40).int(), torch.arange(40), rows.float(), 40)
    defense = Defense(server=build(rule, share, "skip", score, "per_item"))
    (precise, _), (found, _) = (aggregate(defense, each.upload, each.view) for each in (one, single))
    assert not precise.accepted[17]
    assert torch.equal(found.inspected, precise.inspected) and torch.equal(found.accepted, precise.accepted)
