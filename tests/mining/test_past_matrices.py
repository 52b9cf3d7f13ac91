"""Past item matrices: rows as they were, how many are held, and that two who look at the same matrices share them."""

import pytest
import torch

from fedrec.mining.past_matrices import MILESTONE, PastMatrices, replaced_rows

N_ITEMS, SIZE = 40, 3


def walk(n_rounds, n_moved):
    """Matrices of which each differs from the one before in n_moved items."""
    generator = torch.Generator().manual_seed(0)
    matrices = [torch.randn(N_ITEMS, SIZE, generator=generator)]
    for _ in range(n_rounds - 1):
        moved = torch.randperm(N_ITEMS, generator=generator)[:n_moved]
        matrices.append(matrices[-1].index_add(0, moved, torch.randn(n_moved, SIZE, generator=generator)))
    return matrices


def remembered(matrices, n_at_hand=N_ITEMS):
    past = PastMatrices(n_at_hand)
    for number, matrix in enumerate(matrices):
        past.remember(3 * number, matrix)
    return past


@pytest.mark.parametrize("n_moved", [0, 1, 5, N_ITEMS])
@pytest.mark.parametrize("n_at_hand", [0, 4, N_ITEMS])
def test_rows_are_as_they_were(n_moved, n_at_hand):
    matrices = walk(3 * MILESTONE, n_moved)
    past = remembered(matrices, n_at_hand)
    for items in ([3], [0, 3, 17, 39], list(range(N_ITEMS))):
        for numbers in (range(len(matrices)), [0, 5, len(matrices) - 1]):
            rows = past.rows([3 * number for number in numbers], torch.tensor(items, dtype=torch.int32))
            assert torch.equal(rows, torch.stack([matrices[number][items] for number in numbers]))


def test_only_the_newest_matrix_is_whole():
    past = remembered(walk(20, 5), n_at_hand=0)
    assert past.newest.shape == (N_ITEMS, SIZE)
    assert sum(len(rows) for _, rows in past.replaced.values()) <= 19 * (5 + 1)  # with item 0


def test_where_most_items_move_the_matrices_themselves_are_kept_and_nothing_is_copied():
    matrices = walk(3, N_ITEMS)
    past = remembered(matrices)
    assert [rows.data_ptr() for _, rows in past.replaced.values()] == [matrix.data_ptr() for matrix in matrices[:-1]]


def test_an_attack_and_a_defense_share_the_rows():
    matrices = walk(5, 5)
    first, second = remembered(matrices), remembered(matrices)
    assert all(first.replaced[round][1] is second.replaced[round][1] for round in first.replaced)
    other = matrices[1].clone()  # one of them has not seen the matrix before
    assert replaced_rows(other, matrices[2])[1] is not first.replaced[3][1]


def test_rows_of_forgotten_rounds_are_gone_and_those_of_others_stay():
    matrices = walk(3 * MILESTONE, 5)
    past, first = remembered(matrices), 2 * MILESTONE + 3
    past.rows([0], torch.tensor([1, 2], dtype=torch.int32))
    past.forget_before(3 * first)
    assert past.rounds[0] == 3 * first and len(past.replaced) == len(matrices) - first - 1 and list(past.milestones) == [3 * 2 * MILESTONE]
    items = torch.arange(N_ITEMS, dtype=torch.int32)
    assert torch.equal(past.rows(past.rounds, items), torch.stack(matrices[first:]))


def test_a_saved_past_goes_on():
    matrices = walk(8, 5)
    past, loaded = remembered(matrices[:5]), PastMatrices(10)
    loaded.load_state_dict(past.state_dict())
    for number in range(5, 8):
        past.remember(3 * number, matrices[number])
        loaded.remember(3 * number, matrices[number])
    items = torch.tensor([1, 20, 30], dtype=torch.int32)
    assert torch.equal(past.rows(past.rounds, items), loaded.rows(loaded.rounds, items))
    assert torch.equal(past.path, loaded.path)


def test_the_path_is_never_shorter_than_the_distance():
    matrices = walk(10, 20)
    past = remembered(matrices)
    assert (past.path * (1 + 1e-5) >= torch.linalg.vector_norm(matrices[-1] - matrices[0], dim=1)).all()
