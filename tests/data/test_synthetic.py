"""Synthetic interactions: exact counts, long tails, distinct items, impossible sizes."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fedrec.data import drawing
from fedrec.data.synthetic import Synthetic

DEFAULT: dict[str, Any] = {"users": 1000, "items": 500, "interactions": 20_000, "exponent": 1.0, "validation": False}


def load(seed=0, **options):
    return Synthetic(**DEFAULT | options).load(torch.Generator().manual_seed(seed))


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 40), st.integers(6, 40), st.floats(0, 1), st.floats(0, 10), st.integers(0, 9))
def test_counts_are_exact_and_items_distinct(users, items, share, exponent, seed):
    least, most = 3 * users, items // 2 * users
    interactions = least + round(share * (most - least))
    split = load(seed, users=users, items=items, interactions=interactions, exponent=exponent, validation=True)
    assert [split.statistics()[key] for key in ("users", "items", "interactions")] == [users, items, interactions]
    rows = split.train.items.split(split.train.offsets.diff().tolist())
    for row, test, validation in zip(rows, split.test.only().tolist(), split.validation.only().tolist(), strict=True):
        everything = [*row.tolist(), test, validation]
        assert len(row) >= 1
        assert min(everything) >= 0
        assert len(set(everything)) == len(everything) <= items // 2


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 40), st.integers(6, 40), st.floats(0, 1), st.floats(0, 10))
def test_counts_are_exact_with_many_items(users, items, share, exponent):
    """What is taken is then sorted instead of kept in a table."""
    least, most = 3 * users, items // 2 * users
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "MANY_ITEMS", 1)
        split = load(users=users, items=items, interactions=least + round(share * (most - least)), exponent=exponent)
    for row, test in zip(split.train.items.split(split.train.offsets.diff().tolist()), split.test.only().tolist(), strict=True):
        assert len({*row.tolist(), test}) == len(row) + 1 <= items // 2


def test_validation_changes_nothing_else():
    off, on = load(), load(validation=True)
    assert torch.equal(off.test.items, on.test.items)
    assert torch.equal(off.train.items[off.train.offsets[1:] - 1], on.validation.items)


def test_long_tails():
    split = load(interactions=40_000)
    popularity = split.train.popularity().sort(descending=True).values.double()
    assert 0.4 < popularity[:75].sum() / popularity.sum() < 0.8  # top 15 % of the items
    activity = split.train.offsets.diff().double()
    assert activity.median() < 0.8 * activity.mean()
    assert activity.max() > 4 * activity.mean()
    flat = load(interactions=40_000, exponent=0.0).train.popularity().double()
    assert flat.std() < 3 * flat.mean().sqrt()


def test_item_ids_tell_nothing_about_popularity():
    ranks = load().train.popularity_ranks().double()
    assert abs(torch.corrcoef(torch.stack([ranks, torch.arange(500.0).double()]))[0, 1]) < 0.15


def test_seed_decides():
    assert load(1).checksum() == load(1).checksum() != load(2).checksum()


@pytest.mark.parametrize("interactions", [2999, 250_001])
def test_impossible_sizes_are_named(interactions):
    with pytest.raises(ValueError, match=rf"dataset\.interactions={interactions} out of range: .*at least 3000 .*at most 250000"):
        load(interactions=interactions)


def test_too_few_items_are_named_whatever_the_number_of_interactions():
    with pytest.raises(ValueError, match=r"dataset\.items=5: at least 6, so that 3 are half of them or fewer"):
        load(items=5)
