"""The kernels against loops, and the ways of the GPU against those of the CPU (on the CPU: the arithmetic is the same)."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedrec import segments
from fedrec.data import federated_data
from tests.federations import build_system, cases


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
    pairs = zip(segments.segment_numbers(offsets).tolist(), columns.tolist(), strict=True)
    expected = torch.tensor([float(left[segment] @ right[column]) for segment, column in pairs])
    for dense_below in (0, 12, 10**6):  # sparse unless there are more pairs than products, as shipped, always dense
        with pytest.MonkeyPatch.context() as patch:
            if dense_below or len(columns) < len(left) * len(right):
                patch.setattr(segments, "DENSE_BELOW", dense_below)
            assert torch.allclose(segments.segment_products(left, right, offsets, columns), expected, atol=1e-5)


@given(ragged(), st.booleans())
def test_scatter_sum(data, gpu):
    offsets, columns, left, right, weights = data
    expected = torch.zeros_like(right)
    for segment, column, weight in zip(segments.segment_numbers(offsets).tolist(), columns.tolist(), weights, strict=True):
        expected[column] += weight * left[segment]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "on_gpu", lambda values: gpu)
        assert torch.allclose(segments.scatter_sum(weights, left, offsets, columns, len(right)), expected, atol=1e-5)


@given(ragged())
def test_segment_sum(data):
    offsets, columns, _, right, weights = data
    sums = segments.segment_sum(right, columns, offsets, weights)
    for segment, (start, stop) in enumerate(zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)):
        expected = (weights[start:stop, None] * right[columns[start:stop]]).sum(0)
        assert torch.allclose(sums[segment], expected, atol=1e-5)


@given(case=cases())
def test_the_ways_of_the_gpu_lead_to_the_same_model(case):
    cpu, gpu = build_system(case), build_system(case)
    first = next(iter(cpu.rounds()))
    with pytest.MonkeyPatch.context() as patch:
        for module in (segments, federated_data):
            patch.setattr(module, "on_gpu", lambda values: True)
        second = next(iter(gpu.rounds()))
    assert second.loss == pytest.approx(first.loss, nan_ok=True)
    assert torch.allclose(gpu.users, cpu.users, atol=1e-5)
    assert torch.allclose(gpu.received.items, cpu.received.items, atol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@given(case=cases())
def test_a_real_gpu_leads_to_the_same_model(case):
    cpu, gpu = build_system(case), build_system(case, device="cuda")
    next(iter(cpu.rounds()))
    next(iter(gpu.rounds()))
    assert torch.allclose(gpu.users.cpu(), cpu.users, atol=1e-4)
    assert torch.allclose(gpu.received.items.cpu(), cpu.received.items, atol=1e-4)
