"""How much poison stands out equals a loop over its rows, and every round reports it."""

import math
import statistics

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedrec.federation.telemetry.stealth import COMPARED, FEWEST, describe_poison
from fedrec.interfaces import DenseRows, RowGroup, Upload
from tests.reference.federations import SYSTEM, Case, build_system

N_ITEMS = 20
TIMES = {"seconds_training", "seconds_aggregation"}
POISON = {"poison_rows", "poison_items"}


def benign_group(sizes, items, rows):
    offsets = torch.tensor([0, *sizes]).cumsum(0).int()
    return RowGroup(torch.arange(len(sizes)), offsets, torch.tensor(items, dtype=torch.int32), (DenseRows(rows),))


def poison_upload(items, rows):
    return Upload.of_rows(torch.arange(max(1, len(items))), torch.tensor(items, dtype=torch.int64), torch.arange(len(items)), rows)


def measured(benign_items, benign_rows, poison_items, poison_rows, targets):
    """Return the telemetry if all benign rows come from one client."""
    group = benign_group([len(benign_items)], benign_items, benign_rows)
    return describe_poison(group, poison_upload(poison_items, poison_rows), targets, N_ITEMS)


def by_loop(benign_items, benign_rows, poison_items, poison_rows, targets):
    """Return the same telemetry, computed row by row."""
    expected = {"poison_rows": len(poison_items), "poison_items": len(set(poison_items))}
    bad, good = (sum(item in targets for item in items) for items in (poison_items, benign_items))
    if bad:
        expected["poison_share"] = bad / (bad + good)
    scores = {"norm": [], "cosine": []}
    for item, row in zip(poison_items, poison_rows, strict=True):
        rows = [other for own, other in zip(benign_items, benign_rows, strict=True) if own == item]
        if len(rows) < FEWEST:
            continue
        total = torch.stack(rows).sum(0)
        norms = [float(one.norm()) for one in rows]
        cosines = [float(torch.cosine_similarity(one, total - one, dim=0)) for one in rows]
        scores["norm"].append((float(row.norm()) - statistics.mean(norms)) / statistics.pstdev(norms))
        cosine = float(torch.cosine_similarity(row, total, dim=0))
        scores["cosine"].append((cosine - statistics.mean(cosines)) / statistics.pstdev(cosines))
    return expected | {f"poison_{name}_z": statistics.median(values) for name, values in scores.items() if values}


@given(
    sizes=st.lists(st.integers(0, 6), max_size=6),
    poison_items=st.lists(st.integers(0, 5), max_size=8),
    targets=st.lists(st.integers(0, 5), min_size=1, max_size=2, unique=True),
    seed=st.integers(0, 999),
)
def test_equals_a_loop_over_the_rows(sizes, poison_items, targets, seed):
    """There may be items that nobody else uploads, too few benign rows, no poison, and no benign rows at all."""
    generator = torch.Generator().manual_seed(seed)
    benign_items = torch.randint(5, (sum(sizes),), generator=generator).tolist()
    rows, poison_rows = (torch.randn(len(items), 3, generator=generator).double() for items in (benign_items, poison_items))
    telemetry = describe_poison(benign_group(sizes, benign_items, rows), poison_upload(poison_items, poison_rows), targets, N_ITEMS)
    expected = by_loop(benign_items, rows, poison_items, poison_rows, targets)
    assert telemetry == pytest.approx(expected, rel=1e-5, abs=1e-8)
    assert all(isinstance(value, float) for value in telemetry.values())


def test_rows_like_the_benign_ones_do_not_stand_out_and_others_do():
    """Copies of all benign rows spread as those do. A row that is ten times as long, or opposes all others, is seen."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(COMPARED, 8, generator=generator) + torch.tensor([1.0] + [0.0] * 7)
    items = torch.arange(2).repeat(COMPARED // 2).tolist()
    copies = measured(items, rows, items, rows, [0])
    assert abs(copies["poison_norm_z"]) < 0.5
    assert abs(copies["poison_cosine_z"]) < 0.5
    assert measured(items, rows, items, 10 * rows, [0])["poison_norm_z"] > 5
    assert measured(items, rows, items, -rows, [0])["poison_cosine_z"] < -1


def test_of_much_poison_a_part_is_compared_and_all_is_counted():
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(1000, 4, generator=generator)
    items = torch.arange(20).repeat(50).tolist()
    some = measured(items, rows, items, 2 * rows, [0, 3])
    expected = by_loop(items, rows, items, 2 * rows, [0, 3])
    for name in ("poison_rows", "poison_items", "poison_share"):
        assert some[name] == expected[name]
    assert some["poison_norm_z"] == pytest.approx(expected["poison_norm_z"], rel=0.2)


@pytest.mark.parametrize("n_rows", [3, 7, 10, 33])
@pytest.mark.parametrize("factor", [1.0, 2.0])
def test_rounding_is_no_deviation(n_rows, factor):
    """Benign rows that are all the same have no standard deviation to measure by."""
    row = torch.tensor([[0.1, 0.7, -0.3]])
    telemetry = measured([2] * n_rows, row.repeat(n_rows, 1), [2], factor * row, [2])
    assert set(telemetry) == POISON | {"poison_share"}


def test_an_item_that_no_benign_client_trains_on():
    telemetry = measured([0, 0, 0], torch.randn(3, 2), [4, 4], torch.randn(2, 2), [4])
    assert telemetry == {"poison_rows": 2.0, "poison_items": 1.0, "poison_share": 1.0}


def test_poison_beside_the_targets_has_no_share_of_them():
    assert "poison_share" not in measured([0, 1, 1], torch.randn(3, 2), [1], torch.randn(1, 2), [0])


def test_every_round_tells_where_the_seconds_go_and_how_poison_stands_out():
    """Item 9 is everybody's, so that it has enough benign rows whoever is sampled."""
    options = {"synthetic_users": 2, "user_std": 1.0}
    settings = {**SYSTEM, "clients_per_round": 12, "malicious_share": 0.2}
    case = Case([[9, item] for item in range(8)] + [[9]] * 2, 10, [9], "a_ra", options, None, settings, 0)
    results = list(build_system(case).rounds())
    for result in results:
        expected = TIMES | {"seconds_attack", "poison_share", "poison_norm_z", "poison_cosine_z"} | POISON
        assert set(result.telemetry) == expected
        assert all(math.isfinite(value) for value in result.telemetry.values())
        assert 0 <= sum(value for name, value in result.telemetry.items() if name.startswith("seconds_")) <= result.seconds


def test_a_round_without_malicious_clients_has_no_poison_to_tell_of():
    (first, *_) = build_system(Case([[0], [1]], 4, [3], "none", {}, None, SYSTEM, 0)).rounds()
    assert set(first.telemetry) == TIMES
