"""Pairs that a client has several times, against a client to whom every draw is a pair of its own.

Every draw counts in the loss, in the client's own gradient and in that of the scorer. Of an item one row is uploaded: with binary
cross-entropy that of any draw, because they are equal, with Bayesian personalised ranking their mean.
"""

import pytest
import torch
from torch import Tensor

from fedrec.defenses.ours import PopularityRegularizer
from fedrec.interfaces import ClientBatch, ClientDefense, GlobalModel, LocalGradients, Model, ReplacedRows, RowGroup
from fedrec.models.losses import LOSSES
from fedrec.models.mf import MatrixFactorization
from fedrec.models.ncf import NeuralCollaborativeFiltering
from tests.reference.federation import bce, bpr, leaves


class Bilinear(Model):
    """A model without a closed form: u W v + b v."""

    def initialise(self, n_users, n_items, generator):
        users, items, weight = (torch.randn(n, 3, generator=generator) for n in (n_users, n_items, 3))
        return users, GlobalModel(items, {"W": weight, "b": torch.randn(3, generator=generator)})

    def score(self, users, items, scorer, own=None):
        return ((users @ scorer["W"] + scorer["b"]) * items).sum(-1)


MODELS = {
    "mf": MatrixFactorization(dim=3, init_std=1.0),
    "ncf": NeuralCollaborativeFiltering(dim=3, init_std=1.0, layers=[4, 3], output_bias=True),
    "ncf without a last bias": NeuralCollaborativeFiltering(dim=3, init_std=1.0, layers=[4], output_bias=False),
    "bilinear": Bilinear(),
}
# the draws of each client: positives, negatives; the second has no repeats, the third no negative, the last no pair
DRAWS = [([0, 0, 5], [2, 3, 3, 3, 4]), ([1, 2], [0, 6]), ([4, 4, 4], []), ([], [])]
N_ITEMS = 7


@pytest.fixture(autouse=True)
def float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def made() -> ClientBatch:
    """Return the draws as pairs with counts."""
    items, labels, counts, sizes = [], [], [], [0]
    for positives, negatives in DRAWS:
        pairs = [(item, label, part.count(item)) for label, part in ((1, positives), (0, negatives)) for item in dict.fromkeys(part)]
        sizes.append(len(pairs))
        for item, label, count in pairs:
            items.append(item), labels.append(label), counts.append(count)
    offsets = torch.tensor(sizes).cumsum(0).int()
    return ClientBatch(
        torch.arange(len(DRAWS)), offsets, torch.tensor(items).int(), torch.tensor(labels).double(), torch.tensor(counts).double()
    )


def started(model: Model) -> tuple[Tensor, GlobalModel]:
    users, global_model = model.initialise(len(DRAWS), N_ITEMS, torch.Generator().manual_seed(3))
    return users, GlobalModel(global_model.items, {name: value + 0.1 for name, value in global_model.scorer.items()})


def rows_of(batch: ClientBatch, found: LocalGradients) -> Tensor:
    return RowGroup(torch.arange(len(DRAWS)), batch.offsets, batch.items, found.rows).at(slice(None))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", MODELS)
def test_every_draw_counts_in_a_loss_and_one_row_is_uploaded(name, loss):
    model, batch = MODELS[name], made()
    users, global_model = started(model)
    found = model.local_gradients(users, global_model, batch, LOSSES[loss])
    rows, senders = rows_of(batch, found), batch.offsets.tolist()
    per_client = found.scorer.per_client() if found.scorer else {}
    for client, (positives, negatives) in enumerate(DRAWS):
        draws = positives + negatives
        if not draws:
            assert found.loss[client] == 0 and not found.users[client].any()
            assert all(not value[client].any() for value in per_client.values())
            continue
        own = leaves({"user": users[client], "rows": global_model.items[draws], **global_model.scorer})
        scorer = {key: own[key] for key in global_model.scorer}
        value = {"bce": bce, "bpr": bpr}[loss](model.score(own["user"], own["rows"], scorer), len(positives))
        value.backward()
        assert float(found.loss[client]) == pytest.approx(value.item())
        assert torch.allclose(found.users[client], own["user"].grad)
        for key, parameter in scorer.items():
            assert torch.allclose(per_client[key][client], parameter.grad)
        for row, item in zip(rows[senders[client] : senders[client + 1]], dict.fromkeys(draws), strict=True):
            of_draws = own["rows"].grad[[draw == item for draw in draws]]
            assert loss == "bpr" or torch.allclose(of_draws, of_draws[:1].expand_as(of_draws))
            assert torch.allclose(row, of_draws.mean(0))


@pytest.mark.parametrize("name", MODELS)
def test_what_the_server_adds_up(name):
    """The sum over the uploads of an item is that of their rows; the scorer's gradients are summed over all draws."""
    model, batch = MODELS[name], made()
    users, global_model = started(model)
    found = model.local_gradients(users, global_model, batch, LOSSES["bce"])
    items, scorer = found.upload(batch).total(N_ITEMS)
    assert torch.allclose(items, torch.zeros(N_ITEMS, 3).index_add(0, batch.items, rows_of(batch, found)))
    for key, value in (found.scorer.per_client() if found.scorer else {}).items():
        assert torch.allclose(scorer[key], value.sum(0))


@pytest.mark.parametrize("closed_form", [True, False])
def test_every_draw_counts_in_re1_and_one_row_is_uploaded(closed_form):
    defense = PopularityRegularizer(
        N=1, beta=2.0, gamma=0.0, weighting="exp", divergence="user_from_item", reduction="mean", mining_times=1, starts="mined"
    )
    defense.setup(len(DRAWS), N_ITEMS)
    batch, (users, global_model) = made(), started(MODELS["mf"])
    before = GlobalModel(global_model.items.clone())
    before.items[6] += 9  # all clients mine item 6
    for round, model in enumerate((before, global_model)):
        defense.observe(round, batch.clients, model)
        defense.follow(ReplacedRows(None, before.items, global_model.items))
    gradients = type(defense).penalty_gradients if closed_form else ClientDefense.penalty_gradients
    found = gradients(defense, users, global_model, batch)
    rows, ends = rows_of(batch, found), batch.offsets.tolist()
    for client, (positives, negatives) in enumerate(DRAWS):
        draws = [item for item in positives + negatives if item != 6]
        own = global_model.items[draws].clone().requires_grad_()
        re1 = torch.cosine_similarity(own, global_model.items[6], dim=1).mean() if draws else own.sum()
        re1.backward()
        assert float(found.loss[client]) == pytest.approx(-2 * re1.item())
        for row, item in zip(rows[ends[client] : ends[client + 1]], dict.fromkeys(positives + negatives), strict=True):
            expected = own.grad[draws.index(item)] if item in draws else torch.zeros(3)
            assert torch.allclose(row, -2 * expected)
