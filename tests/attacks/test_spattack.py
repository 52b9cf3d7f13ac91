"""Spattack: which rows clients send for which items, and what is left of the benign rows. Equations: the oracle has them."""

import pytest
import torch

from fedrec.attacks.spattack import Spattack
from tests.attacks.choices import N_CLIENTS, N_ITEMS, TRAIN, Choice

ROUNDS = [[3, 0], list(range(N_CLIENTS)), [5, 3]]


def uploads_of(choice, **options):
    attack = choice.begun([], **options)
    for view in choice.views(ROUNDS, attack):
        upload = attack.poison(view)
        n = len(view.clients)
        yield view, upload, upload.items.long().view(n, -1), upload.rows.view(n, upload.items.shape[0] // n, -1)


@pytest.mark.parametrize("kappa", [None, 7])
def test_all_clients_send_the_same_row_for_an_item_for_ever(kappa):
    seen = {}
    for _, _, items, rows in uploads_of(Choice("spattack", "masked", "mf"), kappa=kappa):
        assert items.shape[1] == (kappa or N_ITEMS)
        for item, row in zip(items.flatten().tolist(), rows.flatten(0, 1), strict=True):
            assert torch.equal(seen.setdefault(item, row), row)
    drawn = torch.stack(list(seen.values()))
    assert float(drawn.mean()) == pytest.approx(0, abs=0.1) and float(drawn.std()) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("prior", ["masked", "popularity", "uploads"])
def test_a_client_keeps_the_items_that_it_drew(prior):
    seen = {}
    for view, _, items, _ in uploads_of(Choice("spattack", prior, "mf"), kappa=7):
        for client, own in zip(view.clients.tolist(), items.tolist(), strict=True):
            assert len(set(own)) == 7 and seen.setdefault(client, own) == own
    assert len({tuple(own) for own in seen.values()}) == N_CLIENTS


@pytest.mark.parametrize("prior", ["popularity", "uploads"])
def test_popular_items_are_drawn_more_often(prior):
    """With a weight for nearly one item alone every client draws it; without knowledge few do."""
    attack = Choice("spattack", prior, "mf").begun([], kappa=1)
    attack.weights = lambda view: torch.full((N_ITEMS,), 1e-9).index_fill_(0, torch.tensor([9]), 1.0)
    (view,) = Choice("spattack", prior, "mf").views([range(N_CLIENTS)])
    assert attack.items(view).flatten().tolist() == [9] * N_CLIENTS
    weights = Spattack.weights(attack, view)
    assert torch.equal(weights, TRAIN.popularity().clamp(min=1e-9).float())


@pytest.mark.parametrize("model", ["mf", "ncf"])
def test_an_omniscient_attacker_leaves_nothing_of_what_benign_clients_send(model):
    for view, upload, _, _ in uploads_of(Choice("spattack", "uploads", model), kappa=None):
        benign = torch.zeros(N_ITEMS, upload.rows.shape[1]).index_copy(0, view.uploads.items, view.uploads.sums)
        rows, scorer = upload.total(N_ITEMS)
        assert torch.allclose(rows, -benign, atol=1e-5) and bool((benign.norm(dim=1) > 0.1).any())
        assert set(scorer) == set(view.model.scorer)
        for name, total in scorer.items():
            torch.testing.assert_close(total, -view.uploads.scorer[name].sums.view_as(total))


def test_with_few_items_it_cancels_those_alone_that_its_clients_chose():
    for view, upload, items, _ in uploads_of(Choice("spattack", "uploads", "mf"), kappa=7):
        benign = torch.zeros(N_ITEMS, upload.rows.shape[1]).index_copy(0, view.uploads.items, view.uploads.sums)
        attacked = torch.zeros(N_ITEMS, 1).index_fill_(0, items.unique(), 1.0)
        assert torch.allclose(upload.total(N_ITEMS)[0], -benign * attacked, atol=1e-5)


def test_more_rows_than_items():
    with pytest.raises(ValueError, match=r"attack\.kappa = 81: at most 80, the items; null takes all"):
        Choice("spattack", "masked", "mf").begun([], kappa=81)
