"""Popular item mining: Algorithm 1 by hand and against a plain loop, bounded memory and work, exclusion, ties, saving.

More random cases: tests/federation/test_system.py.
"""

import itertools

import pytest
import torch

from fedrec.federation.client_sampling import ClientSampler
from fedrec.interfaces import ReplacedRows
from fedrec.mining import PopularItemMiner, arbitrary_items, past_matrices, popular_items


def matrix(*lengths):
    return torch.diag(torch.tensor(lengths, dtype=torch.float32))


def observe(miner, round, clients, items):
    """Let the server come to these items, and clients receive them."""
    if len(miner.past.newest):
        miner.follow(ReplacedRows(None, miner.past.newest, items))
    miner.observe(round, clients, items)


def test_mines_after_three_participations_what_changed_most():
    miner = PopularItemMiner(n_clients=2, n_items=3, n_popular=2, mining_times=2)
    client = torch.tensor([1])
    for round, items in enumerate([matrix(0, 0, 0), matrix(1, 0, 0), matrix(1, 5, 2)]):
        assert not miner.ready(client).any()
        observe(miner, round, client, items)
    assert miner.has_mined.tolist() == [False, True]
    assert miner.mined[1].tolist() == [1, 2]  # Delta-Norm 1, 5, 2


def test_clients_of_different_history_mine_different_items():
    miner = PopularItemMiner(n_clients=2, n_items=2, n_popular=1, mining_times=1)
    observe(miner, 0, torch.tensor([0]), matrix(0, 0))
    observe(miner, 1, torch.tensor([1]), matrix(9, 0))
    observe(miner, 2, torch.tensor([0, 1]), matrix(9, 3))
    assert miner.mined.flatten().tolist() == [0, 1]


def test_excluded_items_are_never_mined_and_ties_go_to_the_lower_id():
    miner = PopularItemMiner(1, 4, 3, 1, excluded=torch.tensor([1]))
    observe(miner, 0, torch.tensor([0]), torch.zeros(4, 2))
    observe(miner, 1, torch.tensor([0]), torch.ones(4, 2))
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
        observe(miner, round, torch.tensor([1]), round * matrix(*range(9)))
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
            observe(miner, round, sampler.sample(round), torch.randn(5, 2))
            peak, round = max(peak, len(miner.past.rounds)), round + 1
        assert not miner.past.rounds and not miner.needed
        peaks.append(peak)
    assert peaks[0] < 60 and peaks[1] < 3 * peaks[0]  # ten times the clients


def plain_mining(matrices, rounds, n_popular, excluded):
    """Algorithm 1 over all items, in the precision of the matrices."""
    total = sum(torch.linalg.vector_norm(matrices[after] - matrices[before], dim=1) for before, after in itertools.pairwise(rounds))
    return sorted((item for item in range(len(total)) if item not in excluded), key=lambda item: (-float(total[item]), item))[:n_popular]


def steps(kind, n_items, generator):
    """How all items move in a round, [M, 4]: like popular and unpopular ones, all alike, few of them, equally far, not at all."""
    step = torch.randn(n_items, 4, generator=generator)
    if kind == "few":
        return step * (torch.rand(n_items, 1, generator=generator) < 0.1)
    if kind == "equal":
        return torch.randint(2, (n_items, 1), generator=generator).expand(-1, 4).float()
    return step * {"long tail": 1 / torch.arange(1, n_items + 1)[:, None], "alike": 1, "none": 0}[kind]


@pytest.mark.parametrize("mode", ["epoch", "uniform"])
@pytest.mark.parametrize("kind", ["long tail", "alike", "few", "equal", "none"])
@pytest.mark.parametrize("mining_times", [1, 2, 3])
@pytest.mark.parametrize("touched", [None, torch.arange(49, -1, -1)])
def test_mined_items_are_those_of_a_plain_loop(mode, kind, mining_times, touched, monkeypatch):
    """Bit for bit, through blocks of a few items, few rows at hand, and a state that is saved and loaded in every round."""
    monkeypatch.setattr(popular_items, "NUMBERS_LOOKED_UP", 300)
    monkeypatch.setattr(popular_items, "NUMBERS_COMPARED", 50)
    monkeypatch.setattr(popular_items, "AT_HAND", 3)
    monkeypatch.setattr(past_matrices, "MILESTONE", 4)
    n_clients, n_items, excluded, generator = 30, 50, [0, 7], torch.Generator().manual_seed(1)
    sampler, matrices, seen = ClientSampler(n_clients, 4, mode, seed=2), [torch.randn(n_items, 4, generator=generator)], {}
    miner = PopularItemMiner(n_clients, n_items, 6, mining_times, torch.tensor(excluded))
    while not miner.has_mined.all():
        round, clients = len(matrices) - 1, sampler.sample(len(matrices) - 1)
        miner.observe(round, clients, matrices[-1])
        for client in clients.tolist():
            rounds = seen.setdefault(client, [])
            rounds.append(round)
            if len(rounds) == mining_times + 1:
                assert miner.mined[client].tolist() == plain_mining(matrices, rounds, 6, excluded)
        before, after = matrices[-1], matrices[-1] + steps(kind, n_items, generator)
        matrices.append(after)
        miner.follow(ReplacedRows(touched, *((before, after) if touched is None else (before[touched], after[touched]))))
        loaded = PopularItemMiner(n_clients, n_items, 6, mining_times, torch.tensor(excluded))
        loaded.load_state_dict(miner.state_dict())
        miner = loaded


def test_few_items_are_compared_if_few_change_much(monkeypatch):
    """Nearly every client has rounds of its own, and yet their differences hold a small part of the items."""
    compared = []
    delta_norms = popular_items._delta_norms
    monkeypatch.setattr(popular_items, "_delta_norms", lambda rows, *pairs: compared.append(rows.shape[1]) or delta_norms(rows, *pairs))
    n_items, generator = 4000, torch.Generator().manual_seed(0)
    sampler, items = ClientSampler(400, 20, "epoch", seed=0), torch.zeros(n_items, 4)
    miner = PopularItemMiner(400, n_items, 5, mining_times=2)
    for round in range(60):
        observe(miner, round, sampler.sample(round), items)
        items = items + steps("long tail", n_items, generator)
    assert miner.has_mined.all() and compared and max(compared) < n_items / 20
