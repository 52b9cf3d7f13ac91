"""Checks that the rules of Sec. VI-A share: each equals the oracle on random ragged uploads."""

from collections.abc import Callable

import torch
from hypothesis import strategies as st

from fedrec.aggregation.aggregate import aggregate
from fedrec.defenses.bulyan import Bulyan
from fedrec.defenses.krum import Krum
from fedrec.defenses.median import Median
from fedrec.defenses.multi_krum import MultiKrum
from fedrec.defenses.trimmed_mean import TrimmedMean
from fedrec.interfaces import Aggregation, Aggregator, Defense
from tests.defenses.uploads import KINDS, Case, case, of_rows
from tests.reference.defenses import RobustSum

CLASSES: dict[str, Callable[..., Aggregator]] = {
    "median": Median,
    "trimmed_mean": TrimmedMean,
    "krum": Krum,
    "multi_krum": MultiKrum,
    "bulyan": Bulyan,
}
SCOPED = ("krum", "multi_krum", "bulyan")


def build(
    rule: str, share: float, fallback: str = "sum", score: str = "paper", scope: str = "per_item", scorer_share: str = "clients"
) -> Aggregator:
    if rule == "median":
        return Median()
    options = {"malicious_share": share, "fallback": fallback, "score": score, "scorer_share": scorer_share}
    return CLASSES[rule](**options, **({"scope": scope} if rule in SCOPED else {}))


def run(server: Aggregator, rows: list[list[float]]) -> Aggregation:
    """Aggregate rows [n, d] that n clients send for one item."""
    one = of_rows(torch.zeros(len(rows)).int(), torch.arange(len(rows)), torch.tensor(rows).double(), len(rows))
    return aggregate(Defense(server=server), one.upload, one.view)[0]


def check(
    one: Case,
    rule: str,
    share: float,
    fallback: str = "sum",
    score: str = "paper",
    scope: str = "per_item",
    scorer_share: str = "clients",
    exact: bool = False,
) -> None:
    """Compare with the oracle, but for items where uploads have equal scores up to rounding; with `exact` there, too."""
    aggregation, n_dropped = aggregate(Defense(server=build(rule, share, fallback, score, scope, scorer_share)), one.upload, one.view)
    expected = RobustSum(rule, share, fallback, score, scope if rule in SCOPED else "per_item", scorer_share)
    total, parameters = expected(one.view.model.items, one.view.model.scorer, one.sent)
    assert n_dropped == expected.n_dropped
    doubtful = [] if exact else expected.doubtful
    for item in set(range(len(total))) - set(doubtful):
        assert torch.allclose(aggregation.gradient.items[item], total[item], rtol=1e-9, atol=1e-9)
    for name in set(aggregation.gradient.scorer) - set(doubtful):
        value = aggregation.gradient.scorer[name]
        assert torch.allclose(value, parameters.get(name, torch.zeros_like(value)), rtol=1e-9, atol=1e-9)
    assert sorted(aggregation.fell_back.tolist()) == sorted(expected.fell_back)
    assert sorted(aggregation.unguarded.tolist()) == sorted(expected.unguarded) or scope == "whole_update"


def check_random_uploads(rule: str, data: st.DataObject) -> None:
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
        silent=draw(st.sampled_from([0.0, 0.3, 0.8])),
    )
    share = draw(st.sampled_from([0.0, 0.05, 0.1, 0.2, 0.34, 0.5]))
    fallback, score = draw(st.sampled_from(["sum", "skip"])), draw(st.sampled_from(["paper", "original"]))
    scope, scorer_share = draw(st.sampled_from(["per_item", "whole_update"])), draw(st.sampled_from(["clients", "senders"]))
    check(one, rule, share, fallback, score, scope, scorer_share)


def check_ties(rule: str, score: str, data: st.DataObject) -> None:
    """Rows of -1, 0 and 1. Squared distances are whole numbers, so of equal scores the first wins; roots are rounded."""
    draw = data.draw
    one = case(draw(st.integers(0, 999)), draw(st.integers(1, 24)), 2, 2, draw(st.sampled_from(["dense", "factored", "behind"])), ties=True)
    share = draw(st.sampled_from([0.0, 0.1, 0.2, 0.34]))
    scope = draw(st.sampled_from(["per_item", "whole_update"]))
    check(one, rule, share, "sum", score, scope, exact=score == "original")


def check_many_sizes(rule: str, score: str, largest: int) -> None:
    """Item 0 gets a row from everybody, others from fewer; groups of similar sizes are handled together."""
    generator = torch.Generator().manual_seed(1)
    counts = [largest, largest - 1, *(int(largest * share) for share in (0.4, 0.27, 0.23, 0.21)), *range(largest // 5, 0, -1)]
    items = torch.cat([torch.full((count,), item) for item, count in enumerate(counts)])
    senders = torch.cat([torch.randperm(largest, generator=generator)[:count] for count in counts])
    rows = torch.randn(len(items), 3, generator=generator).double()
    check(of_rows(items, senders, rows, largest), rule, 0.05, score=score)


def check_equal_rows(rule: str, scope: str) -> None:
    """Twelve equal rows with f = 1 give as many times the row as the rule accepts uploads."""
    n = 10 if rule in ("multi_krum", "bulyan") else 12
    result = run(build(rule, 0.1, "skip", "paper", scope), [[1.0, -2.0, 0.5]] * 12).gradient.items[0]
    assert torch.allclose(result, n * torch.tensor([1.0, -2.0, 0.5]).double())


def check_single_precision(rule: str, score: str, share: float, length: float) -> None:
    """One huge row changes no choice among the others, though float32 has few digits."""
    rows = torch.randn(40, 8, generator=torch.Generator().manual_seed(3)).double()
    rows[17] *= length
    defense = Defense(server=build(rule, share, "skip", score))
    found = []
    for precision in (torch.float64, torch.float32):
        one = of_rows(torch.zeros(40).int(), torch.arange(40), rows.to(precision), 40)
        found.append(aggregate(defense, one.upload, one.view)[0])
    assert not found[0].accepted[17]
    assert torch.equal(found[1].inspected, found[0].inspected)
    assert torch.equal(found[1].accepted, found[0].accepted)
