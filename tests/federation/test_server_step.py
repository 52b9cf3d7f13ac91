"""The upload of both kinds of clients, and the server's step, by hand."""

import pytest
import torch

from fedrec.federation.server_optimizer import ServerOptimizer
from fedrec.federation.server_step import concatenate, step
from fedrec.interfaces import Aggregation, DenseScorerGradients, GlobalModel, ReplacedRows, ScorerPart, Upload


def upload(clients, values):
    """Client clients[k] sends the row and the gradient of the scorer values[k] for item k."""
    rows, positions = torch.tensor(values)[:, None], torch.arange(len(clients))
    part = ScorerPart(positions, DenseScorerGradients({"h": rows}))
    return Upload.of_rows(torch.tensor(clients), positions, positions, rows, (part,))


def test_both_uploads_stand_in_sampling_order():
    """Of the sampled clients 4, 1, 5, 0 those from 4 on are malicious, and the attack numbers them from 0."""
    sampled, is_malicious = torch.tensor([4, 1, 5, 0]), torch.tensor([True, False, True, False])
    whole = concatenate(upload([1, 0], [1.0, 2.0]), upload([0, 1], [3.0, 4.0]), sampled, is_malicious)
    assert whole.clients.tolist() == [4, 1, 5, 0]
    sent = {int(whole.clients[segment]): float(row) for segment, row in zip(whole.segments, whole.rows, strict=True)}
    assert sent == {1: 1.0, 0: 2.0, 4: 3.0, 5: 4.0}
    senders, gradients = whole.scorer_rows()
    assert senders.tolist() == [0, 1, 2, 3] and gradients["h"].flatten().tolist() == [3.0, 1.0, 4.0, 2.0]


def test_a_round_without_malicious_clients_is_the_benign_upload():
    benign = upload([1, 0], [1.0, 2.0])
    assert concatenate(benign, None, benign.clients, torch.tensor([False, False])) is benign


def test_a_step_goes_along_the_gradient_and_measures_the_change():
    """The server gets no gradient for b, which stays; the change of item 0 has length 0.5 * |(3, 4)|."""
    model = GlobalModel(torch.ones(2, 2), {"h": torch.ones(2), "b": torch.ones(1)})
    gradient = GlobalModel(torch.tensor([[3.0, 4.0], [0.0, 0.0]]), {"h": torch.tensor([2.0, 0.0])})
    stepped, changes, replaced = step(model, Aggregation(gradient), ServerOptimizer("sgd", 0.5), in_place=True)
    assert stepped.items.tolist() == [[-0.5, -1.0], [1.0, 1.0]]
    assert {name: value.tolist() for name, value in stepped.scorer.items()} == {"h": [0.0, 1.0], "b": [1.0]}
    assert changes.delta_norm().tolist() == replaced.lengths.tolist() == [2.5, 0.0]
    assert replaced.before is model.items and replaced.after is stepped.items
    assert model.items.tolist() == [[1.0, 1.0], [1.0, 1.0]]


@pytest.mark.parametrize("in_place", [True, False])
def test_a_step_on_touched_items_is_the_step_on_all_of_them(in_place):
    """To the last bit; the matrix before stays as it was unless it may change."""
    generator = torch.Generator().manual_seed(0)
    before, rows = torch.randn(9, 32, generator=generator), torch.randn(3, 32, generator=generator)
    touched, model = torch.tensor([7, 0, 4]), GlobalModel(before.clone())
    dense = GlobalModel(torch.zeros(9, 32).index_copy(0, touched, rows))
    sgd = ServerOptimizer("sgd", 0.3)
    expected, all_changes, _ = step(model, Aggregation(dense), sgd, in_place=in_place)
    stepped, changes, replaced = step(model, Aggregation(GlobalModel(rows), touched=touched), sgd, in_place=in_place)
    assert stepped.items.equal(expected.items) and changes.delta_norm().equal(all_changes.delta_norm())
    assert model.items.equal(expected.items if in_place else before)
    assert replaced.before.equal(before[touched]) and replaced.after.equal(stepped.items[touched])


def test_the_rows_that_a_round_replaced_stand_in_the_order_of_items_without_those_that_stayed():
    before = torch.tensor([[7.0], [0.0], [4.0]])
    items, rows = ReplacedRows(torch.tensor([7, 0, 4]), before, before + torch.tensor([[1.0], [0.0], [1.0]])).moved
    assert items.tolist() == [4, 7] and rows.tolist() == [[4.0], [7.0]]
    items, rows = ReplacedRows(None, before, before + torch.tensor([[0.0], [0.0], [1.0]])).moved
    assert items.tolist() == [2] and rows.tolist() == [[4.0]]
    assert ReplacedRows(None, before, before + 1).moved == (None, before)
