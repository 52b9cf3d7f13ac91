"""What an attacker that asks for prior knowledge is told: exactly that, and the share that it asked for."""

import math
from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedrec.interfaces import Interactions, PriorWanted
from fedrec.poisoning.prior_knowledge import reveal
from fedrec.randomness import generator


def assert_revealed(prior, wanted, train):
    """Prior knowledge holds xi * n of each user's n items, rounded up or down, all ranks, and nothing that was not asked for."""
    if wanted.popularity:
        assert torch.equal(prior.popularity_ranks, train.popularity_ranks()) and torch.equal(prior.popularity, train.popularity())
    else:
        assert prior.popularity_ranks is None and prior.popularity is None
    if not wanted.interactions:
        assert prior.interactions is None
        return
    users, items = (part.tolist() for part in prior.interactions)
    assert users == sorted(users) and len(users) == len(items)
    for user in range(train.n_users):
        own = train.items[train.offsets[user] : train.offsets[user + 1]].tolist()
        known = [item for owner, item in zip(users, items, strict=True) if owner == user]
        assert not Counter(known) - Counter(own)
        share = wanted.interactions * len(own)
        assert math.floor(share + 1e-6) <= len(known) <= math.ceil(share - 1e-6)


def tensors(prior):
    """Return the parts that are there."""
    return [part for part in (*(prior.interactions or ()), prior.popularity_ranks) if part is not None]


@given(
    positives=st.lists(st.lists(st.integers(0, 9), max_size=12), min_size=1, max_size=6),
    share=st.one_of(st.just(0.0), st.just(1.0), st.floats(0.01, 1.0)),
    popularity=st.booleans(),
    seed=st.integers(0, 99),
)
def test_reveal(positives, share, popularity, seed):
    """Every repeat purchase counts; users without interactions have nothing to reveal."""
    flat = [item for one in positives for item in one]
    offsets = torch.tensor([0, *map(len, positives)]).cumsum(0)
    train, wanted = Interactions(offsets, torch.tensor(flat, dtype=torch.int32), 10), PriorWanted(share, popularity)
    prior = reveal(wanted, train, generator(seed, "prior"), torch.device("cpu"))
    assert_revealed(prior, wanted, train)
    again = reveal(wanted, train, generator(seed, "prior"), torch.device("cpu"))
    assert all(torch.equal(*pair) for pair in zip(tensors(prior), tensors(again), strict=True))


def test_reveal_meets_the_share_over_all_users_and_favours_no_item():
    n_users, n_own = 4000, 5
    train = Interactions(torch.arange(n_users + 1) * n_own, torch.arange(n_own, dtype=torch.int32).repeat(n_users), n_own)
    users, items = reveal(PriorWanted(interactions=0.05), train, generator(0, "prior"), torch.device("cpu")).interactions
    assert len(users) == pytest.approx(0.05 * n_users * n_own, rel=0.1)
    assert torch.bincount(items).tolist() == pytest.approx([len(users) / n_own] * n_own, rel=0.25)
