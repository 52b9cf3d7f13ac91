"""Laws that every attack of conf/attack obeys with its own defaults, on every model; a new yaml is found and tried, too.

The default lane tries the model that has a scorer, NCF, the slow lane every model.
"""

import copy
import io
from dataclasses import dataclass
from itertools import islice, pairwise

import pytest
import torch

from fedrec.interfaces import Attack, PriorWanted, Upload
from tests.attacks.choices import CHOICES, N_CLIENTS, N_ITEMS, NAMES, SWITCHED, TARGETS, Choice, kind
from tests.reference.federations import ATTACKS

SILENT = {"none", "fedreca masked"}  # upload nothing, by what they are
EVERYBODY = list(range(N_CLIENTS))
ROUNDS = [[4], EVERYBODY, [], [2, 0], EVERYBODY[::-1], [5, 1, 3], [], EVERYBODY, [0], [3, 4]]
every_choice = pytest.mark.parametrize(
    "choice",
    [
        pytest.param(choice, marks=[] if choice.model == "ncf" or choice.name == "pieck_uea" else pytest.mark.slow)
        for choice in CHOICES + SWITCHED
    ],
    ids=str,
)


def assert_legal(upload, view):
    model = view.model
    assert torch.equal(upload.clients, view.clients)
    for group in upload.groups:
        assert len(group.offsets) == len(group.owners) + 1 and group.offsets[0] == 0 and group.offsets[-1] == len(group.items)
        assert all(start <= stop for start, stop in pairwise(group.offsets.tolist()))
        assert all(0 <= owner < len(view.clients) for owner in group.owners.tolist())
        assert (group.owners.dtype, group.offsets.dtype, group.items.dtype) == (torch.int64, torch.int32, torch.int32)
    n_rows = len(upload.items)
    assert upload.segments.shape == (n_rows,) and upload.rows.shape == (n_rows, model.items.shape[1])
    assert all(0 <= segment < len(view.clients) for segment in upload.segments.tolist())
    assert all(0 <= item < N_ITEMS for item in upload.items.tolist())
    assert upload.rows.isfinite().all() and upload.rows.dtype == model.items.dtype
    nothing = torch.zeros_like(model.items)
    sums = sum((part.sum(group, N_ITEMS) for group in upload.groups for part in group.parts), nothing)
    assert torch.allclose(sums, nothing.index_add(0, upload.items, upload.rows), atol=1e-5)
    assert_legal_scorer(upload, view)


def assert_legal_scorer(upload, view):
    """There are gradients only of parameters that the model has, and one from each sender."""
    senders, gradients = upload.scorer_rows()
    assert all(0 <= sender < len(view.clients) for sender in senders.tolist()) and len(senders.unique()) == len(senders)
    assert len(senders) == 0 or gradients
    for part in upload.scorer:
        own = part.gradients.per_client()
        assert set(own) == set(part.gradients.total()) <= set(view.model.scorer)
        for name, value in own.items():
            assert value.shape == (len(part.senders), *view.model.scorer[name].shape)
            assert value.isfinite().all()
    for name, value in upload.scorer_total().items():
        assert torch.allclose(value, gradients[name].sum(0), atol=1e-5)


def by_client(upload):
    """Return what each client uploads: its items, its rows in their order, its gradients of the scorer."""
    senders, gradients = upload.scorer_rows()
    return {
        client: (
            upload.items[upload.segments == position],
            upload.rows[upload.segments == position],
            {name: value[senders == position] for name, value in gradients.items()},
        )
        for position, client in enumerate(upload.clients.tolist())
    }


def assert_same(first, second, same):
    """Compare two uploads client by client; `same` compares two tensors."""
    first, second = by_client(first), by_client(second)
    assert set(first) == set(second)
    for client, (items, rows, gradients) in first.items():
        assert torch.equal(items, second[client][0]) and same(rows, second[client][1])
        assert set(gradients) == set(second[client][2])
        assert all(same(value, second[client][2][name]) for name, value in gradients.items())


def close(first, second):
    return torch.allclose(first, second, rtol=1e-4, atol=1e-6)


@every_choice
def test_uploads_are_legal_with_no_one_and_all_clients_sampled(choice):
    attack, clients_with_rows = choice.begun(), set()
    for view in choice.views(ROUNDS, attack):
        upload = attack.poison(view)
        assert_legal(upload, view)
        clients_with_rows |= set(upload.clients[upload.segments].tolist())
    assert (not clients_with_rows) == any(str(choice).startswith(name) for name in SILENT)


@every_choice
def test_the_view_stays_as_it_was(choice):
    attack = choice.begun()
    for view in choice.views(ROUNDS, attack):
        before = copy.deepcopy(view)
        attack.poison(view)
        assert torch.equal(before.clients, view.clients) and torch.equal(before.model.items, view.model.items)
        assert set(before.model.scorer) == set(view.model.scorer)
        assert all(torch.equal(value, view.model.scorer[name]) for name, value in before.model.scorer.items())


@every_choice
def test_permuting_the_sampled_clients_permutes_the_upload_and_nothing_else(choice):
    first, second = choice.begun(), choice.begun()
    permuted = [[sampled[index] for index in torch.randperm(len(sampled)).tolist()] for sampled in ROUNDS]
    for one, other in zip(choice.views(ROUNDS, first), choice.views(permuted, second), strict=True):
        assert_same(first.poison(one), second.poison(other), close)


@every_choice
def test_saving_and_loading_changes_nothing(choice):
    """An attack loaded from a file uploads the same, bit for bit, although the saved one has gone on."""
    whole, resumed, half = choice.begun(), choice.begun(), len(ROUNDS) // 2
    file, views = io.BytesIO(), choice.views(ROUNDS, whole)
    for view in islice(views, half):
        whole.poison(view)
    state = whole.state_dict()
    expected = [whole.poison(view) for view in views]
    torch.save(state, file)
    file.seek(0)
    views = choice.views(ROUNDS, resumed)
    *_, _ = islice(views, half)
    resumed.load_state_dict(torch.load(file))
    for view, upload in zip(views, expected, strict=True):
        assert_same(resumed.poison(view), upload, torch.equal)


@every_choice
def test_the_same_seed_leads_to_the_same_uploads(choice):
    first, second = choice.begun(), choice.begun()
    for view in choice.views(ROUNDS, first, second):
        torch.rand(3)  # what others draw from torch's global generator plays no part
        assert_same(first.poison(view), second.poison(view), torch.equal)


@every_choice
def test_one_target_is_enough(choice):
    attack = choice.begun(TARGETS[:1])
    for view in choice.views(ROUNDS, attack):
        assert_legal(attack.poison(view), view)


def test_an_attack_needs_nothing_but_poison():
    @dataclass(kw_only=True)
    class Silent(Attack):
        def poison(self, view):
            nothing = self.known.target_items[:0]
            return Upload.of_rows(view.clients, nothing, nothing, view.model.items[:0])

    choice, attack = Choice("none", None, "mf"), Silent(num_targets=2, targets=TARGETS)
    attack.setup(choice.begun().known)
    (view,) = choice.views([EVERYBODY])
    assert_legal(attack.poison(view), view)
    attack.load_state_dict(attack.state_dict())
    assert (attack.state_dict(), attack.prior_wanted(), attack.takes_part) == ({}, PriorWanted(), True)


@pytest.mark.parametrize("name", NAMES)
def test_every_attack_is_compared_with_the_oracle(name):
    """tests/federation/test_system.py draws federations with each of `ATTACKS`."""
    assert ATTACKS[name] is kind(name)


def test_choices_are_found_in_the_folder():
    assert {Choice("a_ra", None, "ncf"), Choice("fedreca", "interactions", "mf"), Choice("pipa", "popularity", "ncf")} <= set(CHOICES)
