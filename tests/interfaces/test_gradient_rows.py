"""Gradient rows in every form: picked, summed by item, weighted, and bounded."""

import torch

from fedrec.interfaces import DenseRows, FactoredRows, ProjectedRows, RowGroup


def test_picked_rows_are_those_among_all():
    """Dense, factored and projected rows can be picked one by one; a block may have no rows."""
    generator = torch.Generator().manual_seed(0)
    offsets, items = torch.tensor([0, 2, 2, 5], dtype=torch.int32), torch.tensor([1, 3, 0, 1, 2], dtype=torch.int32)
    normals = torch.nn.functional.normalize(torch.randn(4, 3, generator=generator))
    directions, coefficients = torch.randn(3, 3, generator=generator), torch.randn(5, generator=generator)
    columns, counts = torch.randn(2, 5, generator=generator), torch.tensor([1.0, 3.0, 1.0, 2.0, 1.0])
    parts = (
        DenseRows(torch.randn(5, 3, generator=generator)),
        FactoredRows(coefficients, directions),
        FactoredRows(coefficients, directions, normals),
        ProjectedRows(columns, counts, torch.randn(2, 3, generator=generator), items, 4),
    )
    for chosen in (*((part,) for part in parts), parts):
        group = RowGroup(torch.arange(3), offsets, items, chosen)
        assert torch.allclose(group.at(torch.arange(5)), group.at(slice(None)), atol=1e-6)
        assert torch.allclose(group.at(torch.tensor([2, 0])), group.at(slice(None))[[2, 0]], atol=1e-6)
    longer = FactoredRows(coefficients, directions, 3 * normals)  # of a normal the direction counts only
    groups = [RowGroup(torch.arange(3), offsets, items, (part,)) for part in (parts[2], longer)]
    assert torch.allclose(*(group.at(slice(None)) for group in groups), atol=1e-6)
    assert torch.allclose(*(group.parts[0].sum(group, 4) for group in groups), atol=1e-6)
    assert torch.allclose(RowGroup(torch.arange(3), offsets, items, parts[1:2]).at(slice(None))[2], coefficients[2] * directions[2])
