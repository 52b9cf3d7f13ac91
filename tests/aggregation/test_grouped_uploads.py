"""Grouped uploads against the rows that each client sent for each item."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from fedrec.aggregation import GroupedUploads, one_row_each
from tests.defenses.uploads import cases, of_rows
from tests.reference.defenses import by_sender


def grouped(one):
    """The uploads of a case, and its rows by item and sender."""
    return GroupedUploads.by_item(one.upload, len(one.view.model.items)), by_sender(one.sent)[0]


@given(one=cases(broken=False))
def test_a_client_has_one_upload_for_an_item_and_small_groups_come_first(one):
    uploads, expected = grouped(one)
    assert uploads.sizes.tolist() == sorted(uploads.sizes.tolist())
    assert sorted(uploads.keys.tolist()) == sorted(expected)
    for item, rows, senders in zip(
        uploads.keys.tolist(), *(part.split(uploads.sizes.tolist()) for part in (uploads.rows, uploads.senders)), strict=True
    ):
        assert senders.tolist() == sorted(expected[item])
        for sender, row in zip(senders.tolist(), rows, strict=True):
            assert torch.allclose(row, expected[item][sender])


@given(one=cases(broken=False), seed=st.integers(0, 9))
def test_numbers_of_uploads(one, seed):
    uploads, _ = grouped(one)
    drawing = torch.Generator().manual_seed(seed)
    weights = torch.rand(len(uploads.senders), generator=drawing).double()
    centres = torch.randn(len(uploads.keys), uploads.rows.shape[1], generator=drawing).double()
    sizes = uploads.sizes.tolist()
    groups = list(zip(uploads.rows.split(sizes), weights.split(sizes), centres, strict=True))
    assert torch.allclose(uploads.lengths(), uploads.rows.norm(dim=1))
    for number, (rows, of_group, centre) in enumerate(groups):
        assert torch.allclose(uploads.sum(weights)[number], of_group @ rows)
        assert torch.allclose(uploads.totals(weights)[number], of_group.sum())
        assert torch.allclose(uploads.distances(centres).split(sizes)[number], (rows - centre).norm(dim=1))
        assert torch.allclose(uploads.uniform_weights.split(sizes)[number], torch.tensor(1 / len(rows)).double())
        ordered, n = rows.sort(dim=0).values, len(rows)
        assert torch.allclose(uploads.medians()[number], (ordered[(n - 1) // 2] + ordered[n // 2]) / 2)
        assert uploads.repeat_by_group(uploads.keys).split(sizes)[number].tolist() == [int(uploads.keys[number])] * len(rows)


@given(one=cases(broken=False), seed=st.integers(0, 9))
def test_only_the_chosen_uploads(one, seed):
    uploads, _ = grouped(one)
    chosen = torch.rand(len(uploads.senders), generator=torch.Generator().manual_seed(seed)) < 0.5
    left, weights = uploads.only(chosen), torch.arange(1.0, len(chosen) + 1).double()
    assert torch.equal(left.rows, uploads.rows[chosen])
    assert torch.equal(left.sizes, torch.tensor([int(part.sum()) for part in chosen.split(uploads.sizes.tolist())]))
    assert torch.allclose(uploads.sum(weights, chosen), uploads.sum(weights * chosen))


def test_rows_of_one_client_for_one_item_add_up():
    one = of_rows(torch.tensor([1, 0, 1, 1]), torch.tensor([0, 0, 0, 1]), torch.tensor([[1.0], [2.0], [4.0], [8.0]]), 2)
    once = one_row_each(one.upload, 2)
    assert sorted(zip(once.segments.tolist(), once.items.tolist(), once.rows[:, 0].tolist(), strict=True)) == [
        (0, 0, 2),
        (0, 1, 5),
        (1, 1, 8),
    ]
    assert one_row_each(once, 2) is once
