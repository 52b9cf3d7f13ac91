"""Past item matrices: rows as they were, how many are held, and that two who follow the same rounds share them."""

import pytest
import torch

from fedrec.interfaces import ReplacedRows
from fedrec.mining.past_matrices import MILESTONE, PastMatrices

N_ITEMS, SIZE = 40, 3


def walk(n_rounds, n_moved, named=True):
    """Matrices of which each differs from the one before in n_moved items, and what the rounds between them replaced.

    Some that stay are `named`, too, or else no item is.
    """
    generator = torch.Generator().manual_seed(0)
    matrices, replaced = [torch.randn(N_ITEMS, SIZE, generator=generator)], []
    for _ in range(n_rounds - 1):
        order = torch.randperm(N_ITEMS, generator=generator)
        moved, touched = order[:n_moved], order[: n_moved + 2].flip(0)
        before = matrices[-1]
        matrices.append(before.index_add(0, moved, torch.randn(n_moved, SIZE, generator=generator)))
        replaced.append(
            ReplacedRows(touched, before[touched], matrices[-1][touched]) if named else ReplacedRows(None, before, matrices[-1])
        )
    return matrices, replaced


def remembered(matrices, replaced, n_at_hand=N_ITEMS, every=1):
    """The past of somebody who follows all rounds, and remembers some."""
    past = PastMatrices(n_at_hand)
    for number, matrix in enumerate(matrices):
        if number:
            past.follow(replaced[number - 1])
        past.newest = matrix
        if number % every == 0:
            past.remember(3 * number, matrix)
    return past


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("n_moved", [0, 1, 5, 30, N_ITEMS])
@pytest.mark.parametrize("n_at_hand", [0, 4, N_ITEMS])
@pytest.mark.parametrize("every", [1, 3])
def test_rows_are_as_they_were(n_moved, n_at_hand, named, every):
    matrices, replaced = walk(3 * MILESTONE, n_moved, named)
    past = remembered(matrices, replaced, n_at_hand, every)
    for items in ([3], [0, 3, 17, 39], list(range(N_ITEMS))):
        for numbers in (range(0, len(matrices), every), [0, 6, 3 * MILESTONE - 3]):
            rows = past.rows([3 * number for number in numbers], torch.tensor(items, dtype=torch.int32))
            assert torch.equal(rows, torch.stack([matrices[number][items] for number in numbers]))


@pytest.mark.parametrize("named", [True, False])
def test_only_rows_that_moved_are_kept(named):
    past = remembered(*walk(20, 5, named), n_at_hand=0, every=2)
    assert sum(len(rows) for pieces in past.replaced.values() for _, rows in pieces) == 19 * 5


def test_where_most_items_move_the_matrices_themselves_are_kept_and_nothing_is_copied():
    matrices, replaced = walk(7, N_ITEMS, named=False)
    past = remembered(matrices, replaced, every=2)
    assert [[rows.data_ptr() for _, rows in pieces] for pieces in past.replaced.values()] == [[m.data_ptr()] for m in matrices[:-1:2]]


def test_an_attack_and_a_defense_share_the_rows():
    matrices, replaced = walk(5, 5)
    first, second = remembered(matrices, replaced), remembered(matrices, replaced)
    assert all(first.replaced[round][0][1] is second.replaced[round][0][1] for round in first.replaced)


def test_rows_of_forgotten_rounds_are_gone_and_those_of_others_stay():
    matrices, replaced = walk(3 * MILESTONE, 5)
    past, first = remembered(matrices, replaced), 2 * MILESTONE + 3
    past.rows([0], torch.tensor([1, 2], dtype=torch.int32))
    past.forget_before(3 * first)
    assert past.rounds[0] == 3 * first and len(past.replaced) == len(matrices) - first - 1 and list(past.milestones) == [3 * 2 * MILESTONE]
    items = torch.arange(N_ITEMS, dtype=torch.int32)
    assert torch.equal(past.rows(past.rounds, items), torch.stack(matrices[first:]))


def test_a_saved_past_goes_on():
    matrices, replaced = walk(8, 5)
    past, loaded = remembered(matrices[:5], replaced), PastMatrices(10)
    loaded.load_state_dict(past.state_dict())
    for one in (past, loaded):
        for number in range(5, 8):
            one.follow(replaced[number - 1])
            one.remember(3 * number, matrices[number])
    items = torch.tensor([1, 20, 30], dtype=torch.int32)
    assert torch.equal(past.rows(past.rounds, items), loaded.rows(loaded.rounds, items))
    assert torch.equal(past.path, loaded.path)


def test_a_saved_past_stays_as_it_was():
    matrices, replaced = walk(8, 5)
    past = remembered(matrices[:5], replaced)
    saved, loaded = past.state_dict(), PastMatrices(0)
    path = saved["path"].clone()
    past.follow(replaced[4])
    loaded.load_state_dict(saved)
    loaded.newest = matrices[4]
    assert torch.equal(loaded.path, path)
    assert torch.equal(loaded.rows([12], torch.arange(N_ITEMS, dtype=torch.int32))[0], matrices[4])


def test_the_path_is_never_shorter_than_the_distance():
    matrices, replaced = walk(10, 20)
    past = remembered(matrices, replaced)
    assert (past.path * (1 + 1e-5) >= torch.linalg.vector_norm(matrices[-1] - matrices[0], dim=1)).all()
