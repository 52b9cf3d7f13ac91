"""The client half of UNION: its closed form equals automatic differentiation of its loss, which is that of the oracle."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from fedrec.config.build import build
from fedrec.config.compose import compose
from fedrec.defenses.union_client import UnionClient
from fedrec.interfaces import ClientBatch, GlobalModel, RowGroup, gather
from fedrec.ragged import silence_sparse_tensors
from fedrec.randomness import generator
from tests.reference.filtering_defenses import info_nce


def drawn(sizes, n_items, seed):
    """Return what clients with so many items that they have met and have not met train on; an item may count more than once."""
    drawing = generator(seed, "batch")
    items = torch.cat([torch.randperm(n_items, generator=drawing)[: p + n] for p, n in sizes] + [torch.zeros(0, dtype=torch.int64)])
    offsets = torch.tensor([0, *(p + n for p, n in sizes)]).cumsum(0).int()
    labels = torch.cat([torch.cat([torch.ones(p), torch.zeros(n)]) for p, n in sizes] + [torch.zeros(0)]).double()
    counts = torch.randint(1, 3, (len(items),), generator=drawing).double()
    model = GlobalModel(torch.randn(n_items, 4, generator=drawing).double())
    users = torch.randn(len(sizes), 4, generator=drawing).double()
    return users, model, ClientBatch(torch.arange(len(sizes)), offsets, items.int(), labels, counts)


@given(
    sizes=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=6),
    n_items=st.sampled_from([10, 200]),
    n_compared=st.integers(1, 7),
    weight=st.sampled_from([0.0, 1.0, 2.5]),
    round=st.integers(0, 40),
    seed=st.integers(0, 99),
)
def test_closed_form_and_penalty_equal_the_oracle(sizes, n_items, n_compared, weight, round, seed):
    """Also of a client with one item or none, without negatives, and with fewer negatives than are compared."""
    silence_sparse_tensors()
    users, model, batch = drawn(sizes, n_items, seed)
    defense = UnionClient(weight=weight, negatives=n_compared)
    defense.observe(round, batch.clients, model)
    found = defense.penalty_gradients(users, model, batch)
    rows = RowGroup(batch.clients, batch.offsets, batch.items, found.rows).at(slice(None))
    penalty = defense.penalty(gather(users, model, batch), batch)
    start = 0
    for client, (p, n) in enumerate(sizes):
        leaves = model.items[batch.items[start : start + p + n].long()].clone().requires_grad_()
        expected = weight * info_nce(leaves[:p], leaves[p:], n_compared, round)
        (gradient,) = torch.autograd.grad(expected, leaves, materialize_grads=True)
        assert torch.allclose(found.loss[client], expected, atol=1e-12) and torch.allclose(penalty[client], expected, atol=1e-12)
        assert torch.allclose(rows[start : start + p + n], gradient, atol=1e-12)
        start += p + n
    assert not found.users.any() and found.users.shape == users.shape


def test_union_is_both_halves():
    whole, halves = (compose(f"defense={choice}").defense for choice in ("union", "[union_client,union_server]"))
    assert whole == halves
    defense = build(compose("defense=union", "defense.weight=2", "defense.resamples=7").defense)
    assert (defense.client.weight, defense.client.negatives) == (2, 15)
    assert (defense.server.sampled_items, defense.server.resamples) == (500, 7)


def test_a_step_along_the_gradient_spreads_the_items():
    """Items that a client has met come closer to each other and farther from the others."""
    users, model, batch = drawn([(20, 20)], 40, 0)
    defense = UnionClient(weight=1.0, negatives=15)
    items = batch.items.long()
    for round in range(50):
        defense.observe(round, batch.clients, model)
        (rows,) = defense.penalty_gradients(users, model, batch).rows
        model = GlobalModel(model.items.index_add(0, items, rows.rows, alpha=-0.5))
    met, others = model.items[items[:20]], model.items[items[20:]]
    assert (met @ met.T).mean() > (met @ others.T).mean() + 1
