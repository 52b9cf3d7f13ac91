"""FLTrust against the oracle. Its root clients train as benign clients do, and it trusts uploads that agree with them."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Generator, Tensor

from fedrec.aggregation.aggregate import aggregate
from fedrec.defenses.fltrust import FLTrust
from fedrec.interfaces import ClientBatch, Defense, DenseScorerGradients, GlobalModel, ScorerPart, ServerKnowledge, ServerView
from fedrec.models.losses import bce
from fedrec.models.mf import MatrixFactorization
from fedrec.models.ncf import NeuralCollaborativeFiltering
from tests.defenses.uploads import KINDS, case, of_rows, sent_by
from tests.reference.defenses import by_sender
from tests.reference.federation import BenignClient
from tests.reference.weighing import FLTrustSum

MODELS = {
    "mf": MatrixFactorization(dim=3, init_std=0.3),
    "ncf": NeuralCollaborativeFiltering(dim=3, init_std=0.3, layers=[4, 2], output_bias=True),
}
RATE = 0.5


@pytest.fixture(autouse=True)
def float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def root_batch(n_root: int, n_items: int, generator: Generator) -> tuple[ClientBatch, list[int]]:
    """Draw root users with 0 to n_items pairs each, some of them several times, and say how many of each user's pairs are positive."""
    pairs = [
        torch.randperm(n_items, generator=generator)[: int(torch.randint(n_items + 1, (1,), generator=generator))] for _ in range(n_root)
    ]
    positives = [(len(one) + 1) // 2 for one in pairs]
    labels = [(torch.arange(len(one)) < count).double() for one, count in zip(pairs, positives, strict=True)]
    offsets = torch.tensor([0] + [len(one) for one in pairs]).cumsum(0).int()
    counts = torch.randint(1, 4, (int(offsets[-1]),), generator=generator).double()
    return ClientBatch(torch.arange(n_root), offsets, torch.cat(pairs).int(), torch.cat(labels), counts), positives


def own_clients(rule: FLTrust, positives: list[int]) -> list[BenignClient]:
    root, offsets = rule.root, rule.root.offsets.tolist()
    clients = []
    for user, start, end, n_positives in zip(rule.users, *zip(*pairwise(offsets), strict=True), positives, strict=True):
        counts = root.counts[start:end].long()
        draws = root.items[start:end].long().repeat_interleave(counts)
        clients.append(BenignClient(user, draws, int(counts[:n_positives].sum()), "bce", RATE))
    return clients


def begun(model, n_items: int, root: ClientBatch, scope: str = "per_item", fallback: str = "sum") -> FLTrust:
    rule = FLTrust(root_share=0.1, scope=scope, fallback=fallback)
    rule.setup(ServerKnowledge(99, n_items, model, bce, 3, torch.device("cpu"), root))
    return rule


def with_parameters(one, sent_out: GlobalModel, silent: float, generator: Generator):
    """Return the case with gradients of the model's scorer from some of the clients."""
    view = ServerView(0, sent_out, RATE)
    if not sent_out.scorer:
        return replace(one, view=view)
    senders = (torch.rand(len(one.upload.clients), generator=generator) >= silent).nonzero().flatten()
    values = {name: torch.randn(len(senders), *value.shape, generator=generator) for name, value in sent_out.scorer.items()}
    upload = replace(one.upload, scorer=(ScorerPart(senders, DenseScorerGradients(values)),))
    return replace(one, view=view, upload=upload, sent=sent_by(upload))


@pytest.mark.parametrize("name", MODELS)
@given(data=st.data())
def test_equals_the_oracle(name, data):
    draw, model = data.draw, MODELS[name]
    n, n_items, kind = draw(st.integers(1, 12)), draw(st.integers(1, 6)), draw(KINDS)
    seed, n_rows, silent = draw(st.integers(0, 999)), draw(st.integers(0, 5)), draw(st.sampled_from([0.0, 0.3, 1.0]))
    scope, fallback = draw(st.sampled_from(["per_item", "whole_update"])), draw(st.sampled_from(["sum", "skip"]))
    ties, generator = draw(st.booleans()), torch.Generator().manual_seed(seed)
    root, positives = root_batch(draw(st.integers(1, 3)), n_items, generator)
    rule, expected = begun(model, n_items, root, scope, fallback), FLTrustSum(scope, fallback)
    clients = own_clients(rule, positives)
    for number in range(2):
        _, sent_out = model.initialise(1, n_items, generator)
        one = with_parameters(case(seed + number, n, n_items, n_rows, kind, ties=ties), sent_out, silent, generator)
        rows = [row for sent in by_sender(one.sent)[0].values() for row in sent.values()]
        assume(not any(0 < row.norm() < 1e-9 for row in rows))  # if a client's rows cancel, their direction is rounding
        aggregation, _ = aggregate(Defense(server=rule), one.upload, one.view)
        own = [client.train_on(sent_out.items, sent_out.scorer)[0] for client in clients]
        total, parameters = expected(sent_out.items, sent_out.scorer, one.sent, own)
        close(aggregation.gradient.items, total)
        for key, value in aggregation.gradient.scorer.items():
            close(value, parameters.get(key, torch.zeros_like(value)))
        assert sorted(aggregation.fell_back.tolist()) == sorted(expected.fell_back)
        decided = [] if aggregation.inspected is None else zip(aggregation.inspected.tolist(), aggregation.accepted.tolist(), strict=True)
        assert sorted(decided) == sorted(expected.inspected)
        state, rule = rule.state_dict(), begun(model, n_items, root, scope, fallback)
        rule.load_state_dict(state)


def close(actual: Tensor, expected: Tensor) -> None:
    assert torch.allclose(actual, expected, rtol=1e-6, atol=1e-9)


def one_root_user() -> tuple[FLTrust, Tensor]:
    """Return a rule whose one root user likes item 0 and knows no other, and the server's gradient for that item."""
    root = ClientBatch(torch.zeros(1).long(), torch.tensor([0, 1]).int(), torch.zeros(1).int(), torch.ones(1), torch.ones(1))
    rule = begun(MODELS["mf"], 2, root)
    return rule, -rule.users[0] / 2  # the score is 0


def test_whom_it_trusts():
    """A row along the server's is cut to its length, one against it counts nothing, and an item unknown to the server is summed."""
    rule, own = one_root_user()
    rows = torch.stack([5 * own, -own, own.new_zeros(3), own])
    one = of_rows(torch.tensor([0, 0, 0, 1]).int(), torch.tensor([0, 1, 2, 0]), rows, 3)
    aggregation, _ = aggregate(Defense(server=rule), one.upload, one.view)
    close(aggregation.gradient.items, torch.stack([3 * own, own]))
    assert (aggregation.inspected.tolist(), aggregation.accepted.tolist()) == ([0, 1, 2], [True, False, False])
    assert aggregation.fell_back.tolist() == [1]


def test_nobody_is_trusted():
    rule, own = one_root_user()
    one = of_rows(torch.tensor([0, 0, 1]).int(), torch.tensor([0, 1, 1]), torch.stack([-own, own * 0, own * 0]), 2)
    assert not aggregate(Defense(server=rule), one.upload, one.view)[0].gradient.items.any()


def test_no_data():
    with pytest.raises(ValueError, match=r"defense\.root_share"):
        begun(MODELS["mf"], 2, None)
