"""What omniscient attacks share: which rows a client uploads, and where targets go. Equations: the oracle has them."""

from dataclasses import replace

import pytest
import torch

from fedrec.federation.benign_statistics import StatisticsOfRound
from fedrec.interfaces import Upload
from fedrec.poisoning.omniscient import OmniscientAttack
from tests.attacks.choices import CHOICES, MODELS, N_CLIENTS, TRAIN, Choice, kind

OMNISCIENT = sorted({choice.name for choice in CHOICES if issubclass(kind(choice.name), OmniscientAttack)})
TARGETS = [3, 60]
every_attack = pytest.mark.parametrize("name", OMNISCIENT)


def view_of(choice, attack):
    (view,) = choice.views([range(N_CLIENTS)], attack)
    return view


def test_the_generic_attacks_are_omniscient():
    assert OMNISCIENT == ["alie", "ipm", "min_max", "min_sum", "sign_flip"]
    assert not any(kind(name).promotes for name in OMNISCIENT)


@pytest.mark.parametrize("model", MODELS)
@every_attack
def test_without_targets_every_client_sends_the_same_for_all_that_benign_clients_send(name, model):
    choice = Choice(name, "uploads", model)
    attack = choice.begun([])
    view = view_of(choice, attack)
    upload = attack.poison(view)
    rows = upload.rows.view(N_CLIENTS, len(view.uploads.items), -1)
    assert upload.items.view(N_CLIENTS, -1).unique(dim=0).tolist() == [sorted(set(TRAIN.items.tolist()))]
    assert len(rows.unique(dim=0)) == 1
    senders, gradients = upload.scorer_rows()
    assert set(gradients) == set(view.model.scorer)
    assert senders.tolist() == (list(range(N_CLIENTS)) if gradients else [])
    assert all(len(value.unique(dim=0)) == 1 for value in gradients.values())


@every_attack
def test_a_client_sends_as_many_rows_as_it_may_and_others_in_each_round(name):
    choice = Choice(name, "uploads", "mf")
    options = {"z": 1.0} if name == "alie" else {}  # which follows from the number of clients that send a row for an item
    limited, free = choice.begun([], kappa=5, **options), choice.begun([], **options)
    chosen = []
    for view in choice.views([range(N_CLIENTS), range(N_CLIENTS)], limited):
        upload, whole = limited.poison(view), free.poison(view)
        rows = dict(zip(whole.items.tolist(), whole.rows, strict=True))
        items = upload.items.view(N_CLIENTS, 5)
        assert all(len(own.unique()) == 5 for own in items) and len(items.unique(dim=0)) == N_CLIENTS
        assert all(torch.equal(row, rows[item]) for item, row in zip(upload.items.tolist(), upload.rows, strict=True))
        chosen.append(items)
    assert not torch.equal(*chosen)


@pytest.mark.parametrize("model", MODELS)
@every_attack
def test_with_targets_only_their_rows_are_sent_and_they_promote(name, model):
    """What is added to the benign mean, or takes its place, moves the targets towards the mean embedding of the most uploaded items."""
    choice = Choice(name, "uploads", model)
    attack = choice.begun(TARGETS)
    view = view_of(choice, attack)
    upload = attack.poison(view)
    assert upload.items.tolist() == TARGETS * N_CLIENTS and not upload.scorer
    counts = torch.bincount(TRAIN.items)
    popular = sorted((item for item in range(80) if item not in TARGETS), key=lambda item: -int(counts[item]))[: attack.popular_items]
    goal = view.model.items[popular].mean(0)
    places = torch.searchsorted(view.uploads.items, torch.tensor(TARGETS))
    base = 0 if name in ("ipm", "sign_flip") else view.uploads.means[places]
    assert ((upload.rows[:2] - base) @ goal < 0).all()


@every_attack
def test_a_target_that_nobody_sends_a_row_for_gets_none(name):
    choice = Choice(name, "uploads", "mf")
    attack = choice.begun(TARGETS)
    view = view_of(choice, attack)
    rows = torch.ones(2, view.model.items.shape[1])
    for items, expected in (([5, 3], [3]), ([5, 7], []), ([60, 3], [3, 60]), ([], [])):  # where only targets are sent, no goal is known
        n = len(items)
        benign = Upload.of_rows(torch.tensor([0]), torch.tensor(items, dtype=torch.int32), torch.zeros(n, dtype=torch.int64), rows[:n])
        upload = attack.poison(replace(view, uploads=StatisticsOfRound(benign, 80)))
        assert upload.items.tolist() == expected * N_CLIENTS
        assert upload.rows.isfinite().all()
