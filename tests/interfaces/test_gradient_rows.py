"""Gradient rows in every form: picked, summed by item, weighted, and bounded."""

import pytest
import torch

from fedrec.interfaces import DenseRows, FactoredRows, ProjectedRows, RowGroup, SharedRows, Upload


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


@pytest.mark.parametrize(("n_clients", "items"), [(3, [4, 1]), (1, [2]), (2, []), (0, [1, 3])])
def test_shared_rows_are_dense_rows_that_are_repeated(n_clients, items):
    rows = torch.randn(len(items), 3, generator=torch.Generator().manual_seed(0))
    offsets = len(items) * torch.arange(n_clients + 1, dtype=torch.int32)
    group = RowGroup(torch.arange(n_clients), offsets, torch.tensor(items, dtype=torch.int32).repeat(n_clients), (SharedRows(rows),))
    dense = RowGroup(group.owners, offsets, group.items, (DenseRows(rows.repeat(n_clients, 1)),))
    weights = torch.arange(len(group.items)) + 1.0
    for one, other in ((group, dense), (group.scaled(weights), dense.scaled(weights))):
        assert torch.equal(one.at(slice(None)), other.at(slice(None)))
        assert torch.allclose(one.parts[0].sum(one, 5), other.parts[0].sum(other, 5))
        assert torch.equal(one.lengths(), other.lengths()) and one.parts[0].bound() >= one.lengths().sum() * 0
    assert torch.equal(group.at(torch.arange(len(group.items)).flip(0)), dense.at(slice(None)).flip(0))
    assert group.renumbered(torch.tensor(items), group.items).parts == group.parts
    vectors, pointers, coefficients = Upload(group.owners, (group,)).factored
    assert len(vectors) == len(items) and torch.equal(vectors[pointers] * coefficients[:, None], dense.at(slice(None)))
