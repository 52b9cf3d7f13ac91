"""Selecting in many groups: similar groups are handled together, with the result of one group after another."""

import pytest
import torch

from fedrec.aggregation import GroupedUploads, pairwise_distances, select_uploads, selecting
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


def test_equals_one_group_after_another(uploads):
    f, groups = torch.tensor([1, 1, 1, 1, 1, 1, 2, 2, 4, 4]), torch.tensor([False] + [True] * 9)
    select = Nearest()
    found = select_uploads(uploads, select, f, groups, torch.tensor([True] + [False] * 9), "paper").split(SIZES)
    assert select.batches == [[9, 9, 10, 11], [12], [17, 18], [40, 42]]
    assert found[0].all()
    for number, rows in list(enumerate(uploads.rows.split(SIZES)))[1:]:
        distances = torch.cdist(rows, rows)
        assert found[number].nonzero().flatten().tolist() == sorted(distances.sum(1).argsort()[: f[number]].tolist())


def test_groups_between_which_one_is_not_marked_are_not_handled_together(uploads):
    groups = torch.tensor([True, True, True, False, True, True, False, False, False, False])
    select = Nearest()
    found = select_uploads(uploads, select, torch.ones(10).long(), groups, torch.zeros(10, dtype=torch.bool), "original").split(SIZES)
    assert select.batches == [[3], [9, 9], [11, 12]]
    assert [int(chosen.sum()) for chosen in found] == groups.long().tolist()


def test_memory_bounds_a_batch(uploads, monkeypatch):
    monkeypatch.setattr(selecting, "NUMBERS_AT_ONCE", 2 * 10**2 + 100)
    select = Nearest()
    select_uploads(uploads, select, torch.ones(10).long(), torch.arange(10) < 6, torch.zeros(10, dtype=torch.bool), "paper")
    assert select.batches == [[3], [9, 9, 10], [11, 12]]


def test_uploads_that_do_not_exist_are_at_distance_zero(uploads):
    def select(distances, exists, f):
        for group, n in enumerate(exists.sum(1).tolist()):
            rows = uploads.rows[sum(SIZES[:4]) :][sum(SIZES[4:6][:group]) :][:n]
            assert torch.equal(distances[group, :n, :n], pairspread(rows))
            assert not distances[group, n:].any()
            assert not distances[group, :, n:].any()
        return exists

    def pairspread(rows):
        return pairwise_distances((rows @ rows.T)[None], "paper")[0]

    groups = (torch.arange(10) == 4) | (torch.arange(10) == 5)
    assert select_uploads(uploads, select, torch.ones(10).long(), groups, torch.zeros(10, dtype=torch.bool), "paper").sum() == 23
