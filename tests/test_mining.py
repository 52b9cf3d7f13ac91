"""Popular item mining: Algorithm 1 by hand, bounded memory, exclusion, ties, saving. Random cases: tests/federation/test_system.py."""

import pytest
import torch

from fedrec.federation.client_sampling import ClientSampler
from fedrec.mining import PopularItemMiner, arbitrary_items


def matrix(*lengths):
    return torch.diag(torch.tensor(lengths, dtype=torch.float32))


def test_mines_after_three_participations_what_changed_most():
    miner = PopularItemMiner(n_clients=2, n_items=3, n_popular=2, mining_times=2)
    client = torch.tensor([1])
    for round, items in enumerate([matrix(0, 0, 0), matrix(1, 0, 0), matrix(1, 5, 2)]):
        assert not miner.ready(client).any()
        miner.observe(round, client, items)
    assert miner.has_mined.tolist() == [False, True]
    assert miner.mined[1].tolist() == [1, 2]  # Delta-Norm 1, 5, 2


def test_clients_of_different_history_mine_different_items():
    miner = PopularItemMiner(n_clients=2, n_items=2, n_popular=1, mining_times=1)
    miner.observe(0, torch.tensor([0]), matrix(0, 0))
    miner.observe(1, torch.tensor([1]), matrix(9, 0))
    miner.observe(2, torch.tensor([0, 1]), matrix(9, 3))
    assert miner.mined.flatten().tolist() == [0, 1]


def test_excluded_items_are_never_mined_and_ties_go_to_the_lower_id():
    miner = PopularItemMiner(1, 4, 3, 1, excluded=torch.tensor([1]))
    miner.observe(0, torch.tensor([0]), torch.zeros(4, 2))
    miner.observe(1, torch.tensor([0]), torch.ones(4, 2))
    assert miner.mined[0].tolist() == [0, 2, 3]


def test_arbitrary_items_are_those_of_the_released_code():
    assert arbitrary_items(1682, 10, torch.tensor([467])).tolist() == [8, 9, 4, 7, 5, 3, 1, 0, 2, 6]


@pytest.mark.parametrize("n_items", [12, 80, 1682])
@pytest.mark.parametrize("excluded", [None, [3], [0, 8, 9, 11]])
def test_arbitrary_items_are_distinct_and_never_excluded(n_items, excluded):
    for n in (1, 5, 8):
        items = arbitrary_items(n_items, n, None if excluded is None else torch.tensor(excluded)).tolist()
        assert len(set(items)) == n and not set(items) & set(excluded or ()) and set(items) <= set(range(n_items))


def test_arbitrary_items_stand_for_those_that_a_client_has_not_mined():
    miner = PopularItemMiner(n_clients=2, n_items=9, n_popular=3, mining_times=1, excluded=torch.tensor([8]))
    arbitrary = arbitrary_items(9, 3, torch.tensor([8])).tolist()
    for round in range(2):
        assert miner.mined.tolist() == [arbitrary] * 2
        miner.observe(round, torch.tensor([1]), round * matrix(*range(9)))
    assert miner.mined.tolist() == [arbitrary, [7, 6, 5]]


def test_more_than_can_be_mined():
    with pytest.raises(ValueError, match="N = 4: at most 3 of the 4 items can be mined"):
        PopularItemMiner(1, 4, 4, 1, excluded=torch.tensor([1]))


@pytest.mark.parametrize("mode", ["epoch", "uniform"])
def test_memory_does_not_grow_with_clients_and_is_empty_in_the_end(mode):
    """A client keeps numbers; item matrices are kept once per round that somebody still needs."""
    peaks = []
    for n_clients in (60, 600):
        sampler = ClientSampler(n_clients, n_clients // 6, mode, seed=0)
        miner = PopularItemMiner(n_clients, 5, 2, mining_times=2)
        peak = round = 0
        while not miner.has_mined.all():
            miner.observe(round, sampler.sample(round), torch.randn(5, 2))
            peak, round = max(peak, len(miner.snapshots)), round + 1
        assert not miner.snapshots and not miner.needed
        peaks.append(peak)
    assert peaks[0] < 60 and peaks[1] < 3 * peaks[0]  # ten times the clients
