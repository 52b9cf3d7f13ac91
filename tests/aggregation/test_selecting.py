"""Selecting in many groups: similar groups are handled together, with the result of one group after another."""

import pytest
import torch

from fedrec.aggregation import GroupedUploads, select_uploads, selecting
from tests.defenses.uploads import of_rows

SIZES = [3, 9, 9, 10, 11, 12, 17, 18, 40, 42]


@pytest.fixture(scope="module", name="uploads")
def _uploads():
    generator = torch.Generator().manual_seed(0)
    items = torch.cat([torch.full((size,), item) for item, size in enumerate(SIZES)])
    senders = torch.cat([torch.randperm(50, generator=generator)[:size] for size in SIZES])
    one = of_rows(items, senders, torch.randn(len(items), 3, generator=generator).double(), 50)
    return GroupedUploads.by_item(one.upload, len(SIZES))


class Nearest:
    """Selects the f uploads that are nearest to all others, and remembers the sizes of the groups it was given."""

    def __init__(self):
        self.batches = []

    def __call__(self, distances, exists, f):
        self.batches.append(exists.sum(1).tolist())
        sums = distances.sum(2).masked_fill(~exists, torch.inf)
        return sums.argsort(dim=1).argsort(dim=1) < f


F = torch.tensor([1, 1, 1, 1, 1, 1, 2, 2, 4, 4])
EVERYWHERE = torch.ones(10, dtype=torch.bool)


def only(*numbers):
    """Mark some of the groups."""
    return (torch.arange(10)[:, None] == torch.tensor(numbers)).any(1)


def test_equals_one_group_after_another(uploads):
    select = Nearest()
    found = select_uploads(uploads, select, F, EVERYWHERE, "sum", "paper").split(SIZES)
    assert select.batches == [[3], [9, 9, 10, 11], [12], [17, 18], [40, 42]]
    for number, rows in enumerate(uploads.rows.split(SIZES)):
        distances = torch.cdist(rows, rows)
        assert found[number].nonzero().flatten().tolist() == sorted(distances.sum(1).argsort()[: F[number]].tolist())


def test_a_group_without_selection_keeps_its_neighbours_apart(uploads):
    select = Nearest()
    select_uploads(uploads, select, F, only(1, 2, 4, 5), "sum", "paper")
    assert select.batches == [[9, 9], [11, 12]]


@pytest.mark.parametrize(("fallback", "left"), [("sum", 10), ("skip", 0)])
def test_where_the_rule_does_not_apply_the_fallback_decides_and_where_f_is_0_all_are_accepted(uploads, fallback, left):
    select, f = Nearest(), F * ~only(1, 2)
    found = select_uploads(uploads, select, f, ~only(3, 6, 7, 8, 9), fallback, "original").split(SIZES)
    assert select.batches == [[3], [11, 12]]
    assert [int(accepted.sum()) for accepted in found[:6]] == [1, 9, 9, left, 1, 1]


def test_memory_bounds_a_batch(uploads, monkeypatch):
    monkeypatch.setattr(selecting, "NUMBERS_AT_ONCE", 3 * 10**2)
    select = Nearest()
    select_uploads(uploads, select, F, only(0, 1, 2, 3, 4, 5), "sum", "paper")
    assert select.batches == [[3], [9, 9, 10], [11, 12]]


def test_uploads_that_do_not_exist_are_at_distance_zero(uploads):
    parts = uploads.rows.split(SIZES)[4:6]

    def select(distances, exists, f):
        for group, rows in enumerate(parts):
            n = len(rows)
            assert torch.allclose(distances[group, :n, :n], torch.cdist(rows, rows))
            assert exists[group].tolist() == [True] * n + [False] * (12 - n)
            assert not distances[group, n:].any()
            assert not distances[group, :, n:].any()
        return exists

    assert select_uploads(uploads, select, F, only(4, 5), "skip", "paper").sum() == 11 + 12
