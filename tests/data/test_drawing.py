"""Draws against their definition: one item after another, without replacement (draw_unseen) or with it."""

import itertools
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedrec.data import drawing
from fedrec.data.drawing import draw_unseen, draw_unseen_repeatedly


def csr(rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    offsets = torch.tensor([0, *itertools.accumulate(len(row) for row in rows)])
    return offsets, torch.tensor([item for row in rows for item in row], dtype=torch.int32)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@st.composite
def requests(draw: st.DrawFn) -> tuple[int, list[list[int]], list[int]]:
    n_items = draw(st.integers(1, 30))
    rows = draw(st.lists(st.lists(st.integers(0, n_items - 1), max_size=40), max_size=12))
    return n_items, rows, draw(st.lists(st.integers(0, 40), min_size=len(rows), max_size=len(rows)))


@given(requests(), st.sampled_from([1, 40, 1 << 22]), st.booleans(), st.booleans(), st.integers(0, 9))
def test_draws_are_distinct_unseen_and_complete(request_, block_size, many_items, weighted, seed):
    n_items, rows, counts = request_
    weights = torch.rand(n_items, generator=seeded()) + 1e-3 if weighted else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "TABLE_SIZE", block_size)  # 1: a block per row
        patch.setattr(drawing, "DRAWN_AT_ONCE", block_size)
        patch.setattr(drawing, "MANY_ITEMS", 1 if many_items else 50_000)
        offsets, items = draw_unseen(torch.tensor(counts, dtype=torch.int64), *csr(rows), n_items, seeded(seed), weights)
    assert (offsets.dtype, items.dtype, len(offsets), offsets[0]) == (torch.int64, torch.int32, len(rows) + 1, 0)
    for row, count, begin, end in zip(rows, counts, offsets[:-1], offsets[1:], strict=True):
        drawn = items[begin:end].tolist()
        assert len(set(drawn)) == len(drawn) == min(count, n_items - len(set(row)))
        assert not set(drawn) & set(row)
        assert all(0 <= item < n_items for item in drawn)


@pytest.mark.parametrize("n_items", [5, 12], ids=["dense keys", "rejection"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("many_items", [False, True])
def test_every_ordered_pair_has_its_probability(n_items, weighted, many_items, monkeypatch):
    monkeypatch.setattr(drawing, "MANY_ITEMS", 1 if many_items else 50_000)
    n_rows, seen = 60_000, [1, 3, 3]
    weights = torch.arange(1.0, n_items + 1) ** 3 if weighted else torch.ones(n_items)
    _, items = draw_unseen(torch.full((n_rows,), 2), *csr([seen] * n_rows), n_items, seeded(), weights if weighted else None)
    observed = np.bincount(items[::2] * n_items + items[1::2], minlength=n_items**2)
    unseen = sorted(set(range(n_items)) - set(seen))
    total = float(weights[unseen].sum())
    expected = np.zeros(n_items**2)
    for first, second in itertools.permutations(unseen, 2):
        probability = float(weights[first]) / total * float(weights[second]) / (total - float(weights[first]))
        expected[first * n_items + second] = n_rows * probability
    assert (observed[expected == 0] == 0).all()
    cells = expected > 0
    chi_square = ((observed[cells] - expected[cells]) ** 2 / expected[cells]).sum()
    freedom = cells.sum() - 1
    assert chi_square < freedom + 4 * (2 * freedom) ** 0.5  # four standard deviations; the seed is fixed


@given(st.lists(st.integers(0, 9), max_size=9), st.integers(1, 20))
def test_blocks_hold_all_rows_in_order(loads, at_once):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "DRAWN_AT_ONCE", at_once)
        blocks = list(drawing.blocks_of_rows(np.array(loads, np.int64)))
    assert [row for rows in blocks for row in range(rows.start, rows.stop)] == list(range(len(loads)))
    for rows in blocks:  # what the first row has begun is not counted
        assert sum(loads[rows.start : rows.stop]) - max(loads[rows.start : rows.stop], default=0) < at_once


@given(requests(), st.integers(0, 9))
def test_repeated_draws_do_not_depend_on_the_size_of_blocks(request_, seed):
    n_items, rows, counts = request_
    draws = []
    for at_once in (1, 7, 1 << 18):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(drawing, "DRAWN_AT_ONCE", at_once)
            draws.append(draw_unseen_repeatedly(torch.tensor(counts, dtype=torch.int64), *csr(rows), n_items, seeded(seed)))
    assert all(draw[0].equal(draws[0][0]) and draw[1].equal(draws[0][1]) for draw in draws)


@given(requests(), st.integers(0, 9))
def test_repeated_draws_are_unseen_and_complete(request_, seed):
    n_items, rows, counts = request_
    offsets, items = draw_unseen_repeatedly(torch.tensor(counts, dtype=torch.int64), *csr(rows), n_items, seeded(seed))
    assert (offsets.dtype, items.dtype, len(offsets), offsets[0], offsets[-1]) == (torch.int64, torch.int32, len(rows) + 1, 0, len(items))
    for row, count, begin, end in zip(rows, counts, offsets[:-1], offsets[1:], strict=True):
        drawn = items[begin:end].tolist()
        assert len(drawn) == (count if len(set(row)) < n_items else 0)
        assert not set(drawn) & set(row)
        assert all(0 <= item < n_items for item in drawn)


def test_repeated_draws_are_independent_and_uniform_over_the_unseen():
    """All ordered pairs of unseen items, also twice the same, are equally likely in rows that have seen different items."""
    n_items, n_rows, all_seen = 6, 30_000, [[1, 3, 3], [5, 0], [], [2, 1, 4, 0, 3]]
    offsets, items = draw_unseen_repeatedly(torch.full((4 * n_rows,), 2), *csr(all_seen * n_rows), n_items, seeded())
    assert offsets.diff().eq(2).all()
    pairs = (items[::2] * n_items + items[1::2]).view(n_rows, 4)
    for column, seen in enumerate(all_seen):
        unseen = torch.tensor(sorted(set(range(n_items)) - set(seen)))
        observed = torch.bincount(pairs[:, column], minlength=n_items**2).view(n_items, n_items)[unseen][:, unseen].double()
        assert observed.sum() == n_rows
        expected, freedom = n_rows / len(unseen) ** 2, len(unseen) ** 2 - 1
        chi_square = float(((observed - expected) ** 2 / expected).sum())
        assert chi_square <= freedom + 4 * (2 * freedom) ** 0.5  # four standard deviations; the seed is fixed


@pytest.mark.parametrize("draw", [draw_unseen, draw_unseen_repeatedly])
def test_same_seed_same_draw(draw):
    seen = csr([[0, 1], [], [5]])
    draws = [draw(torch.tensor([3, 4, 5]), *seen, 50, seeded(seed))[1] for seed in (1, 1, 2)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_heavy_weights_near_exhaustion_end():
    weights = torch.arange(1, 201, dtype=torch.float64) ** -10
    offsets, items = draw_unseen(torch.full((50,), 199), *csr([[0]] * 50), 200, seeded(), weights)
    assert offsets.diff().tolist() == [199] * 50
    assert items.view(50, 199).sort().values.tolist() == [list(range(1, 200))] * 50


def test_memory_does_not_grow_with_rows_times_items():
    n_rows, n_items = 400, 1_000_000  # a table of all pairs would take 400 MB at a byte each
    tracemalloc.start()
    draw_unseen(torch.full((n_rows,), 20), *csr([[7]] * n_rows), n_items, seeded())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6
