"""The private data D_i: all training positives, and q negatives for each from the items that the user has not trained on."""

import tracemalloc
from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedrec.data import drawing, federated_data
from fedrec.data.federated_data import FederatedData
from fedrec.interfaces import Interactions
from tests.reference.drawn_cases import cases

SOME_ITEMS = st.lists(st.integers(0, 7), max_size=6)


def of(users: list[list[tuple[int, int]]], n_items: int = 8) -> FederatedData:
    """Collect pairs of item and label."""
    pairs = torch.tensor([pair for user in users for pair in user], dtype=torch.int32).view(-1, 2)
    offsets = torch.tensor([0, *(len(user) for user in users)]).cumsum(0)
    return FederatedData.of(offsets, pairs[:, 0], pairs[:, 1], n_items)


@pytest.mark.parametrize("how", ["distinct", "repeated"])
@pytest.mark.parametrize("q", [1, 2, 4])
@given(case=cases())
def test_q_unseen_negatives_per_positive(case, q, how):
    data = FederatedData.draw(case.train, q, how, torch.Generator().manual_seed(0))
    for user, positives in enumerate(case.positives):
        batch = data.batch(torch.tensor([user]))
        n, counted, counts = len(set(positives)), Counter(positives), batch.counts.long()
        negatives = batch.items[n:].tolist()
        assert batch.items[:n].tolist() == list(counted) and counts[:n].tolist() == list(counted.values())
        assert batch.labels.tolist() == [1.0] * n + [0.0] * len(negatives)
        assert len(set(negatives)) == len(negatives) and not set(negatives) & set(positives)
        n_draws, n_unseen = q * len(positives), case.n_items - n
        if how == "distinct":
            assert counts[n:].tolist() == [1] * min(n_draws, n_unseen)
        else:
            assert counts[n:].sum() == (n_draws if n_unseen else 0)


@pytest.mark.parametrize("how", ["distinct", "repeated"])
def test_negatives_are_uniform(how):
    train = Interactions(torch.arange(2001), torch.zeros(2000, dtype=torch.int32), 5)
    batch = FederatedData.draw(train, 2, how, torch.Generator().manual_seed(0)).batch(torch.arange(2000))
    drawn = torch.bincount(batch.items, weights=batch.counts)
    assert drawn.tolist() == pytest.approx([2000] + [1000] * 4, rel=0.1)


@given(st.lists(st.tuples(SOME_ITEMS, SOME_ITEMS), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_repeats_are_merged_and_positives_come_first(users, random):
    """Each in the order of first appearance, wherever the pairs stood."""
    given_pairs = []
    for positives, negatives in users:
        pairs = [(item, 1) for item in positives] + [(item, 0) for item in negatives if item not in positives]
        random.shuffle(pairs)
        given_pairs.append(pairs)
    data = of(given_pairs)
    for user, pairs in enumerate(given_pairs):
        batch = data.batch(torch.tensor([user]))
        counted = Counter(sorted(pairs, key=lambda pair: -pair[1]))
        assert list(zip(batch.items.tolist(), batch.labels.tolist(), strict=True)) == list(counted)
        assert batch.counts.tolist() == list(counted.values())


def test_an_item_that_is_positive_and_negative():
    with pytest.raises(ValueError, match="a user has the same item as a positive and as a negative"):
        of([[(2, 1)], [(3, 1), (2, 0), (3, 0)]])
    assert of([[(2, 1)], [(2, 0)]]).items.tolist() == [2, 2]  # of two users


@given(case=cases(), data=st.data())
def test_rows_for_a_gpu_equal_those_of_scipy(case, data):
    pairs = FederatedData.draw(case.train, 2, "repeated", torch.Generator().manual_seed(0))
    clients = torch.tensor(data.draw(st.lists(st.integers(0, len(case.positives) - 1), max_size=6, unique=True)), dtype=torch.int64)
    batch = pairs.batch(clients)
    offsets, items, signed = pairs._rows(clients)
    assert (offsets.dtype, items.dtype, signed.dtype) == (batch.offsets.dtype, batch.items.dtype, batch.counts.dtype)
    assert offsets.equal(batch.offsets) and items.equal(batch.items)
    assert signed.equal(torch.where(batch.labels == 1, batch.counts, -batch.counts))


@given(case=cases())
def test_more_distinct_negatives_than_items_are_all_of_them(case):
    """However many are asked for: products of large numbers do not overflow."""
    draw = [FederatedData.draw(case.train, q, "distinct", torch.Generator().manual_seed(0)) for q in (case.n_items, 2**31 - 1)]
    assert draw[0].items.tolist() == draw[1].items.tolist()


def test_more_pairs_than_32_bits_count():
    train = Interactions(torch.tensor([0, 2]), torch.tensor([0, 1], dtype=torch.int32), 5)
    with pytest.raises(ValueError, match=r"system\.negatives_per_positive = 1073741823: at most 1073741822 for 2 interactions"):
        FederatedData.draw(train, 1073741823, "repeated", torch.Generator())


@pytest.mark.parametrize("how", ["distinct", "repeated"])
def test_no_count_wraps_however_the_pairs_are_made(monkeypatch, how):
    """With 32 bits for ten pairs: three users with two interactions each have 12."""
    monkeypatch.setattr(federated_data, "MOST_PAIRS", 10)
    train = Interactions(torch.tensor([0, 2, 4, 6]), torch.tensor([0, 1] * 3, dtype=torch.int32), 5)
    with pytest.raises(ValueError, match=r"dataset: 6 interactions to train on; at most 5: "):
        FederatedData.draw(train, 1, how, torch.Generator())
    with pytest.raises(ValueError, match=r"system\.negatives_per_positive = 3: at most 1 for 4 interactions"):
        FederatedData.draw(Interactions(train.offsets[:3], train.items[:4], 5), 3, how, torch.Generator())
    with pytest.raises(ValueError, match="11 pairs of user and item: at most 10 can be counted"):
        FederatedData.of(torch.tensor([0, 11]), torch.arange(11), torch.ones(11), 11)


@pytest.mark.parametrize("how", ["distinct", "repeated"])
@given(case=cases())
def test_drawing_in_blocks_of_users_changes_nothing(how, case):
    drawn = []
    for at_once in (1, 5, 1 << 18):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(drawing, "DRAWN_AT_ONCE", at_once)
            drawn.append(FederatedData.draw(case.train, 2, how, torch.Generator().manual_seed(0)))
    for data in drawn:
        assert data.offsets.equal(drawn[0].offsets) and data.items.equal(drawn[0].items)
        assert data.signed_counts.equal(drawn[0].signed_counts)


def test_what_is_kept_takes_eight_bytes_a_pair_and_drawing_little_more():
    """Of 50,000 users with 40 pairs each; drawing makes the negatives, with 32 bits, and blocks."""
    n_users, n_items = 50_000, 200_000
    train = Interactions(torch.arange(n_users + 1) * 20, torch.arange(20 * n_users, dtype=torch.int32) % n_items, n_items)
    tracemalloc.start()
    data = FederatedData.draw(train, 1, "repeated", torch.Generator())
    peak = tracemalloc.get_traced_memory()[1]  # of NumPy: the blocks and the negatives
    tracemalloc.stop()
    n_pairs = len(data.items)
    assert [part.element_size() for part in (data.items, data.signed_counts)] == [4, 4] and n_pairs < 40 * n_users + 1
    assert all(part.untyped_storage().nbytes() <= 4 * 40 * n_users for part in (data.items, data.signed_counts))
    assert peak < 4 * 20 * n_users * 3 + 200 * drawing.DRAWN_AT_ONCE
