"""Both PIECK attacks: what they upload and when. Equations: tests/federation/test_system.py compares them with the oracle."""

import copy

import pytest
import torch

from fedrec.attacks.pieck_ipe import PieckIPE
from fedrec.attacks.pieck_uea import PieckUEA
from fedrec.interfaces import AttackerKnowledge, AttackerView, GlobalModel, Interactions
from fedrec.models.losses import bce
from fedrec.models.mf import MatrixFactorization
from fedrec.poisoning.targets import choose_targets

COMMON = {"num_targets": 2, "targets": [0, 1], "N": 4, "mining_times": 1}


def make(kind, **changes):
    ipe = {"lambda_": 0.9, "ranks": "all", "vanishing_guard": None, "similarity": "split_cosine", "weighted": True}
    own = ipe if kind is PieckIPE else {"batches": 2, "rounds": 3, "poison_scorer": False}
    attack = kind(**{**COMMON, "multi_target": "copy", **own, **changes})
    attack.setup(AttackerKnowledge(5, 8, MatrixFactorization(dim=3, init_std=1.0), bce, torch.tensor([0, 1]), seed=0))
    return attack


def views(*clients):
    generator = torch.Generator().manual_seed(0)
    for round, sampled in enumerate(clients):
        yield AttackerView(round, torch.tensor(sampled, dtype=torch.int64), GlobalModel(torch.randn(8, 3, generator=generator)), 1.0)


@pytest.mark.parametrize("kind", [PieckIPE, PieckUEA])
def test_uploads_targets_only_and_only_once_mined(kind):
    attack = make(kind)
    first, second = views([3, 0], [1, 3])
    assert len(attack.poison(first).items) == 0
    upload = attack.poison(second)
    assert upload.clients.tolist() == [1, 3]
    assert upload.items.tolist() == [0, 1]
    assert upload.segments.tolist() == [1, 1]  # client 3 has taken part twice, client 1 once
    assert torch.isfinite(upload.rows).all() and upload.rows.abs().sum() > 0


@pytest.mark.parametrize("kind", [PieckIPE, PieckUEA])
def test_copies_of_the_first_target_or_all_together(kind):
    first, second = views([2], [2])
    uploads = {}
    for strategy in ("copy", "together"):
        attack = make(kind, multi_target=strategy)
        attack.poison(first)
        uploads[strategy] = attack.poison(second).rows
    assert torch.equal(uploads["copy"][0], uploads["copy"][1])
    assert not torch.allclose(uploads["together"][0], uploads["together"][1])
    assert torch.allclose(uploads["together"][0], uploads["copy"][0] / 2)  # Eqs. (8) and (10) average over T


@pytest.mark.parametrize("kind", [PieckIPE, PieckUEA])
def test_the_view_stays_as_it_was_and_nobody_sampled_is_fine(kind):
    attack = make(kind)
    for view in views([0, 1], [], [0], [0, 1, 2, 3, 4]):
        before = copy.deepcopy(view)
        assert torch.equal(attack.poison(view).clients, view.clients)
        assert torch.equal(before.model.items, view.model.items) and torch.equal(before.clients, view.clients)


@pytest.mark.parametrize("kind", [PieckIPE, PieckUEA])
def test_order_of_the_sampled_clients_does_not_matter(kind):
    rows = []
    for order in ([4, 0, 2], [2, 4, 0]):
        attack = make(kind)
        for view in views(order, order):
            upload = attack.poison(view)
        rows.append({int(upload.clients[segment]): row for segment, row in zip(upload.segments, upload.rows, strict=True)})
    assert all(torch.allclose(rows[0][client], rows[1][client]) for client in rows[0])


def test_uea_weights_of_the_released_code_and_of_the_equation():
    assert make(PieckUEA, N=5, batches=5, rounds=3).weights.tolist() == [10, 9, 8, 7, 6]  # (16 - j) / 3, summed over the rounds
    assert make(PieckUEA, batches=1, rounds=1).weights.tolist() == [1, 1, 1, 1]


def test_uea_more_batches_than_items():
    with pytest.raises(ValueError, match=r"attack\.batches = 9: at most attack\.N = 4"):
        make(PieckUEA, batches=9)


TRAIN = Interactions(torch.tensor([0, 3, 5]), torch.tensor([0, 1, 2, 0, 1], dtype=torch.int32), 5)


def test_targets_random_are_seeded_and_distinct():
    draw = [choose_targets("random", 4, TRAIN, torch.Generator().manual_seed(1)) for _ in range(2)]
    assert torch.equal(*draw) and len(set(draw[0].tolist())) == 4


def test_targets_published_are_those_that_the_released_code_draws():
    train = Interactions(torch.tensor([0, 1]), torch.tensor([0], dtype=torch.int32), 1682)
    drawn = [choose_targets("published", count, train, torch.Generator().manual_seed(count)).tolist() for count in (1, 3)]
    assert drawn == [[467], [467, 880, 1053]]


def test_targets_unpopular_have_fewest_interactions():
    assert set(choose_targets("unpopular", 2, TRAIN, torch.Generator()).tolist()) == {3, 4}


@pytest.mark.parametrize(
    ("targets", "count", "message"),
    [
        ([7], 1, r"attack\.targets = \[7\]: allowed is a list of one or more item ids from 0 to 4"),
        ([], 1, "allowed is a list of one or more item ids"),
        ([2, 2], 1, "named twice"),
        ([0, 1, 2, 3, 4], 1, "all 5 items would be targets"),
        ("random", 5, r"attack\.num_targets = 5: all 5 items would be targets"),
    ],
)
def test_bad_targets(targets, count, message):
    with pytest.raises(ValueError, match=message):
        choose_targets(targets, count, TRAIN, torch.Generator())
