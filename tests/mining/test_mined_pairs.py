"""The pairs of popular items against a plain loop, and how often they are looked up."""

import itertools

import torch
from hypothesis import given
from hypothesis import strategies as st

from fedrec.data.federated_data import FederatedData
from fedrec.interfaces import Interactions
from fedrec.mining import MinedPairs, mined_pairs

N_USERS, N_ITEMS, N_POPULAR = 5, 12, 3


def private_data(generator):
    """Some users have nothing to train on, others most items, some of them several times."""
    sizes = torch.randint(0, 7, (N_USERS,), generator=generator)
    items = [torch.randperm(N_ITEMS, generator=generator)[:size].sort().values.int() for size in sizes.tolist()]
    train = Interactions(torch.cat([sizes.new_zeros(1), sizes.cumsum(0)]), torch.cat(items), N_ITEMS)
    return FederatedData.draw(train, 2, "repeated", generator)


def expected(batch, popular):
    """Return the same by a loop over clients and their pairs."""
    inside, shares, ends = [], [], batch.offsets.tolist()
    for client, (start, end) in enumerate(itertools.pairwise(ends)):
        own = [pair for pair in range(start, end) if batch.items[pair] in popular[client]]
        others = sum(float(batch.counts[pair]) for pair in range(start, end) if pair not in own)
        inside, shares = inside + own, [*shares, 1 / max(others, 1)]
    return inside, shares


@given(seed=st.integers(0, 10_000))
def test_equals_a_loop_whoever_takes_part_and_has_mined(seed):
    generator = torch.Generator().manual_seed(seed)
    data, pairs, has_mined = private_data(generator), MinedPairs(N_USERS, N_POPULAR), torch.zeros(N_USERS, dtype=torch.bool)
    popular = torch.arange(N_POPULAR, dtype=torch.int32).repeat(N_USERS, 1)
    for _ in range(6):
        clients = torch.randperm(N_USERS, generator=generator)[:3]
        batch = data.batch(clients)
        inside, shares = pairs.of(batch, popular[clients], has_mined[clients], N_ITEMS)
        own, expected_shares = expected(batch, popular[clients])
        assert sorted(inside.tolist()) == own and torch.equal(shares, torch.tensor(expected_shares))
        mining = clients[~has_mined[clients]][:2]
        has_mined[mining] = True
        for client in mining.tolist():
            popular[client] = torch.randperm(N_ITEMS, generator=generator)[:N_POPULAR].int()


def test_pairs_are_looked_up_before_the_mining_after_it_and_when_forgotten(monkeypatch):
    calls = []
    look_up = mined_pairs._look_up
    monkeypatch.setattr(mined_pairs, "_look_up", lambda *arguments: calls.append(1) or look_up(*arguments))
    data, pairs = private_data(torch.Generator().manual_seed(0)), MinedPairs(N_USERS, N_POPULAR)
    everybody, popular = data.batch(torch.arange(N_USERS)), torch.arange(N_POPULAR, dtype=torch.int32).repeat(N_USERS, 1)
    for has_mined, n_calls in ((False, 1), (False, 1), (True, 2), (True, 2)):
        pairs.of(everybody, popular, torch.full((N_USERS,), has_mined), N_ITEMS)
        assert len(calls) == n_calls
    pairs.forget()
    pairs.of(everybody, popular, torch.full((N_USERS,), True), N_ITEMS)
    assert len(calls) == 3
