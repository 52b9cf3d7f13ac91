"""The kernels equal loops, and what runs on a GPU equals what runs on the CPU. It is tested on the CPU: the arithmetic is the same."""

import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedrec import ragged as ragged_kernels
from fedrec.data import federated_data
from tests.reference.drawn_cases import cases
from tests.reference.federations import build_system


@st.composite
def ragged(draw):
    sizes = draw(st.lists(st.integers(0, 5), min_size=1, max_size=6))
    n_columns = draw(st.integers(1, 40))
    columns = [draw(st.integers(0, n_columns - 1)) for _ in range(sum(sizes))]
    offsets = torch.tensor([0, *sizes]).cumsum(0).int()
    generator = torch.Generator().manual_seed(draw(st.integers(0, 9)))
    left, right = torch.randn(len(sizes), 3, generator=generator), torch.randn(n_columns, 3, generator=generator)
    return offsets, torch.tensor(columns, dtype=torch.int32), left, right, torch.randn(len(columns), generator=generator)


@given(ragged())
def test_products(data):
    offsets, columns, left, right, _ = data
    pairs = zip(ragged_kernels.segment_numbers(offsets).tolist(), columns.tolist(), strict=True)
    expected = torch.tensor([float(left[segment] @ right[column]) for segment, column in pairs])
    for dense_below in (0, 12, 10**6):  # sparse unless there are more pairs than products, as shipped, always dense
        with pytest.MonkeyPatch.context() as patch:
            if dense_below or len(columns) < len(left) * len(right):
                patch.setattr(ragged_kernels, "DENSE_BELOW", dense_below)
            assert torch.allclose(ragged_kernels.segment_products(left, right, offsets, columns), expected, atol=1e-5)


@given(ragged(), st.booleans())
def test_scatter_sum(data, gpu):
    offsets, columns, left, right, weights = data
    expected = torch.zeros_like(right)
    for segment, column, weight in zip(ragged_kernels.segment_numbers(offsets).tolist(), columns.tolist(), weights, strict=True):
        expected[column] += weight * left[segment]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ragged_kernels, "on_gpu", lambda values: gpu)
        assert torch.allclose(ragged_kernels.scatter_sum(weights, left, offsets, columns, len(right)), expected, atol=1e-5)


@given(ragged())
def test_segment_sum(data):
    offsets, columns, _, right, weights = data
    sums = ragged_kernels.segment_sum(right, columns, offsets, weights)
    for segment, (start, stop) in enumerate(zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)):
        expected = (weights[start:stop, None] * right[columns[start:stop]]).sum(0)
        assert torch.allclose(sums[segment], expected, atol=1e-5)


@given(ragged(), st.sampled_from([(), (2,), (2, 3)]), st.booleans())
def test_numbers_summed_by_segment(data, leading, gpu):
    offsets, columns, *_ = data
    values = torch.randn(*leading, len(columns), generator=torch.Generator().manual_seed(0))
    bounds = zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)
    expected = torch.stack([values[..., start:stop].sum(-1) for start, stop in bounds], -1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ragged_kernels, "on_gpu", lambda values: gpu)
        sums = ragged_kernels.scalar_segment_sum(values, offsets)
    assert sums.shape == (*leading, len(offsets) - 1) and sums.dtype == values.dtype
    assert torch.allclose(sums, expected, atol=1e-5)


@given(st.lists(st.integers(0, 4), max_size=6), st.sampled_from([(), (2,), (2, 3)]), st.booleans())
def test_values_repeated(sizes, leading, gpu):
    values = torch.randn(*leading, len(sizes), generator=torch.Generator().manual_seed(0))
    index = [number for number, size in enumerate(sizes) for _ in range(size)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ragged_kernels, "on_gpu", lambda values: gpu)
        repeated = ragged_kernels.repeat_each(values, torch.tensor(sizes, dtype=torch.int64))
    assert torch.equal(repeated, values[..., torch.tensor(index, dtype=torch.int64)])


@given(ragged(), st.integers(1, 4), st.booleans())
def test_columns_summed_where_they_belong(data, height, gpu):
    _, columns, _, right, _ = data
    values = torch.randn(height, len(columns), generator=torch.Generator().manual_seed(0))
    expected = torch.zeros(height, len(right))
    for number, column in enumerate(columns.tolist()):
        expected[:, column] += values[:, number]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ragged_kernels, "on_gpu", lambda values: gpu)
        sums = ragged_kernels.column_scatter_sum(values, columns, len(right))
    assert sums.dtype == values.dtype and torch.allclose(sums, expected, atol=1e-5)


@given(st.data(), st.integers(1, 120), st.integers(0, 4), st.integers(0, 99))
def test_the_largest_of_each_column(data, n_rows, n_columns, seed):
    """Each row is named once, even if there are ties, or columns with few finite values."""
    k = data.draw(st.integers(1, min(n_rows, 5)))
    values = torch.randint(-4, 5, (n_rows, n_columns), generator=torch.Generator().manual_seed(seed)).float()
    values[values < data.draw(st.integers(-4, 5))] = -torch.inf
    largest, rows = ragged_kernels.top_of_columns(values, k)
    assert torch.equal(largest, values.topk(k, dim=0).values)
    assert rows.shape == (k, n_columns) and bool(((rows >= 0) & (rows < n_rows)).all())
    assert torch.equal(values.gather(0, rows), largest)
    assert all(len(column.unique()) == k for column in rows.T)


@pytest.mark.parametrize(("n_rows", "k", "finite"), [(17, 1, 0), (20, 1, 0), (35, 2, 1)])
def test_no_row_beyond_the_last_is_named_where_few_values_are_finite(n_rows, k, finite):
    """Rows that fill up the last group of rows are never among the largest."""
    for seed in range(20):
        values = torch.full((n_rows, 3), -torch.inf)
        values[torch.randperm(n_rows, generator=torch.Generator().manual_seed(seed))[:finite]] = 1.0
        assert int(ragged_kernels.top_of_columns(values, k)[1].max()) < n_rows


@given(case=cases())
def test_the_ways_of_the_gpu_lead_to_the_same_model(case):
    cpu, gpu = build_system(case), build_system(case)
    first = next(iter(cpu.rounds()))
    with pytest.MonkeyPatch.context() as patch:
        for module in (ragged_kernels, federated_data):
            patch.setattr(module, "on_gpu", lambda values: True)
        second = next(iter(gpu.rounds()))
    assert second.loss == pytest.approx(first.loss, nan_ok=True)
    assert torch.allclose(gpu.users, cpu.users, atol=1e-5)
    assert torch.allclose(gpu.global_model.items, cpu.global_model.items, atol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@given(case=cases())
def test_a_real_gpu_leads_to_the_same_model(case):
    cpu, gpu = build_system(case), build_system(case, device="cuda")
    next(iter(cpu.rounds()))
    next(iter(gpu.rounds()))
    assert torch.allclose(gpu.users.cpu(), cpu.users, atol=1e-4)
    assert torch.allclose(gpu.global_model.items.cpu(), cpu.global_model.items, atol=1e-4)


def test_no_warning_of_torch_reaches_the_user():
    """torch warns once a process, so another process has to look."""
    code = """
import torch
from fedrec import ragged
ragged.silence_sparse_tensors()
offsets, columns = torch.tensor([0, 1], dtype=torch.int32), torch.tensor([7], dtype=torch.int32)
print(ragged.segment_products(torch.ones(1, 2), torch.ones(9, 2), offsets, columns))
"""
    result = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (result.stdout, result.stderr) == ("tensor([2.])\n", "")


@given(st.lists(st.integers(0, 9), max_size=12), st.booleans())
def test_distinct_numbers_stand_for_all(values, gpu):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ragged_kernels, "on_gpu", lambda _: gpu)
        unique, places = ragged_kernels.distinct(torch.tensor(values, dtype=torch.int32), 10)
    assert sorted(unique.tolist()) == sorted(set(values)) and unique[places.long()].tolist() == values
    assert (unique.dtype, places.dtype) == (torch.int64, torch.int32)
