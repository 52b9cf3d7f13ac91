"""What each attack is given over a whole run of the real program's parts: nothing beyond the threat model of Sec. III-B."""

import inspect
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from types import FunctionType, MappingProxyType

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from fedrec.config.compose import compose
from fedrec.experiment import prepare
from fedrec.federation import system as federation
from fedrec.interfaces import AttackerKnowledge, AttackerView, GlobalModel, Interactions, Model, PriorKnowledge, PriorWanted
from fedrec.models.losses import LOSSES
from fedrec.poisoning.prior_knowledge import reveal
from fedrec.randomness import generator
from tests.attacks.choices import CHOICES, Choice, kind

RUN = (
    *("dataset=synthetic", "dataset.users=40", "dataset.items=80", "dataset.interactions=600", "tracking=none", "seed=5", "device=cpu"),
    *("system.epochs=4", "system.clients_per_round=20", "system.malicious_share=0.2"),
)
RUN_STREAMS = (
    *("split", "attack/targets", "attack/prior", "negatives", "initialise", "client_rates", "sample/0"),
    *("evaluated_users", "candidates"),
)
every_choice = pytest.mark.parametrize("choice", CHOICES, ids=str)


def walk(value, path="given"):
    """Every tensor and every other leaf of a value, with where it was found; raises where it cannot look inside."""
    if is_dataclass(value):
        names = {field.name for field in fields(value)}
        assert set(getattr(value, "__dict__", {})) <= names, f"{path} carries something beside its fields"
        for name in names:
            yield from walk(getattr(value, name), f"{path}.{name}")
    elif isinstance(value, Mapping):
        assert type(value) in (dict, MappingProxyType)
        for name, part in value.items():
            yield from walk(part, f"{path}[{name}]")
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for number, part in enumerate(value):
            yield from walk(part, f"{path}[{number}]")
    else:
        assert value is None or isinstance(value, Tensor | int | float | str | FunctionType), f"{path} is a {type(value)}"
        yield path, value


def tensors(value):
    return {path: leaf for path, leaf in walk(value) if isinstance(leaf, Tensor)}


class Run:
    """A whole run, all that its attack was given, and all that it must not see."""

    def __init__(self, choice):
        self.views, self.knowledge, self.secrets, self.broadcast = [], [], {}, []
        config = compose(*choice.overrides, *RUN)
        with pytest.MonkeyPatch.context() as patch:
            self._watch(patch, kind(choice.name))
            experiment = prepare(config, None)
            self.system, self.seed = experiment.system, config.seed
            data = self.system.data
            self.train = train_of(data)
            self._keep("train", self.train)
            self._keep("data", data)
            self._keep("batch", data.batch(torch.arange(self.system.n_users)))
            self._keep("client_rates", self.system.client_rates)
            self._keep("users", self.system.users.clone())
            for result in self.system.rounds():
                self._keep(f"users after round {result.round}", self.system.users.clone())
                self._keep("users", self.system.users)

    def _watch(self, patch, attacks):
        """Listen to all attacks of a class, and to what benign clients upload beside them."""
        setup, poison, concatenate = attacks.setup, attacks.poison, federation.concatenate

        def watched_setup(attack, *arguments):
            self.knowledge.append(arguments)
            setup(attack, *arguments)

        def watched_poison(attack, *arguments):
            self.views.append(arguments)
            self.broadcast.append((self.system.round, self.system.global_model, self.system.sampler.sample(self.system.round)))
            return poison(attack, *arguments)

        def watched_concatenate(benign, poison, clients):
            if poison is None:
                return benign
            number = len(self.views)
            self._keep(f"benign upload {number}", [benign.rows, benign.items, benign.segments, benign.clients])
            self._keep(f"benign parts {number}", [self._own(part) for group in benign.groups for part in group.parts])
            self._keep(f"benign scorer {number}", [part.gradients.per_client() for part in benign.scorer])
            self._keep(f"benign total {number}", benign.scorer_total())
            self._keep(f"positions {number}", clients)
            return concatenate(benign, poison, clients)

        patch.setattr(attacks, "setup", watched_setup)
        patch.setattr(attacks, "poison", watched_poison)
        patch.setattr(federation, "concatenate", watched_concatenate)

    def _keep(self, name, secret):
        self.secrets |= {path: leaf for path, leaf in walk_anything(secret, name) if isinstance(leaf, Tensor) and leaf.numel()}

    def _own(self, part):
        """What a part of the benign upload is made of, the global model that everybody has global_model aside."""
        memory = {leaf.untyped_storage().data_ptr() for leaf in tensors(self.system.global_model).values()}
        own = {path: leaf for path, leaf in walk_anything(part, "") if isinstance(leaf, Tensor)}
        return {path: leaf for path, leaf in own.items() if leaf.untyped_storage().data_ptr() not in memory}

    def given(self):
        """All tensors that the attack was given, by where it found them."""
        parts = {f"round {number}": view for number, view in enumerate(self.views)} | {"knowledge": self.knowledge}
        return {f"{name}: {path}": leaf for name, part in parts.items() for path, leaf in tensors(part).items()}


def walk_anything(value, path):
    """As `walk`, through whatever the engine keeps: caches of a dataclass are its attributes, too."""
    if is_dataclass(value):
        value = {**{field.name: getattr(value, field.name) for field in fields(value)}, **getattr(value, "__dict__", {})}
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from walk_anything(part, f"{path}.{name}")
    elif isinstance(value, list | tuple):
        for number, part in enumerate(value):
            yield from walk_anything(part, f"{path}[{number}]")
    else:
        yield path, value


def train_of(data):
    """The training interactions behind the D_i: their positives."""
    positives = data.labels == 1
    counts = [int(positives[start:stop].sum()) for start, stop in zip(data.offsets[:-1].tolist(), data.offsets[1:].tolist(), strict=True)]
    return Interactions(torch.tensor([0, *counts]).cumsum(0), data.items[positives], data.n_items)


@cache
def run_of(choice: Choice) -> Run:
    return Run(choice)


def is_masked(choice: Choice) -> bool:
    return choice.prior in (None, "masked")


@every_choice
def test_an_attack_is_given_its_own_clients_the_global_model_and_eta(choice):
    run = run_of(choice)
    takes_part = kind(choice.name).takes_part
    assert bool(run.views) == takes_part
    for (view,), (round, global_model, sampled) in zip(run.views, run.broadcast, strict=True):
        assert type(view) is AttackerView and {field.name for field in fields(view)} == {"round", "clients", "model", "learning_rate"}
        assert (view.round, view.learning_rate) == (round, run.system.learning_rate)
        assert view.clients.tolist() == [client - run.system.n_users for client in sampled.tolist() if client >= run.system.n_users]
        assert type(view.model) is GlobalModel and {field.name for field in fields(view.model)} == {"items", "scorer"}
        assert torch.equal(view.model.items, global_model.items)
        assert set(view.model.scorer) == set(global_model.scorer)
        expected = {"given.clients", "given.model.items", *(f"given.model.scorer[{name}]" for name in global_model.scorer)}
        assert set(tensors(view)) == expected


@every_choice
def test_before_training_an_attack_is_told_sizes_structure_loss_and_targets(choice):
    run = run_of(choice)
    ((known,),) = run.knowledge
    assert type(known) is AttackerKnowledge
    assert {field.name for field in fields(known)} == {"n_clients", "n_items", "model", "loss", "target_items", "seed", "prior"}
    assert (known.n_clients, known.n_items) == (run.system.n_malicious, 80)
    assert known.target_items.tolist() == run.system.targets
    assert {path for path in tensors(known) if not path.startswith("given.prior.")} == {"given.target_items"}


@every_choice
def test_the_model_is_structure_only(choice):
    ((known,),) = run_of(choice).knowledge
    assert isinstance(known.model, Model) and not tensors(known.model)
    assert set(vars(known.model)) == set(inspect.signature(type(known.model)).parameters)
    assert known.loss in LOSSES.values() and known.loss.__closure__ is None and not vars(known.loss)


@every_choice
def test_nothing_private_is_in_what_an_attack_is_given(choice):
    """No tensor in there lies in the memory of a private one or equals it."""
    run = run_of(choice)
    memory = {secret.untyped_storage().data_ptr(): name for name, secret in run.secrets.items()}
    by_shape = {}
    for name, secret in run.secrets.items():
        by_shape.setdefault(secret.shape, []).append((name, secret))
    for path, leaf in run.given().items():
        if not leaf.numel():
            continue
        assert leaf.untyped_storage().data_ptr() not in memory, (path, memory[leaf.untyped_storage().data_ptr()])
        for name, secret in by_shape.get(leaf.shape, []):
            assert leaf.numel() == 1 or not torch.equal(leaf, secret.to(leaf.dtype)), (path, name)


@every_choice
def test_prior_knowledge_is_what_was_asked_for(choice):
    run = run_of(choice)
    ((known,),) = run.knowledge
    if is_masked(choice):
        assert known.prior == PriorKnowledge(None, None)
        return
    wanted = choice.attack().prior_wanted()
    assert (known.prior.interactions is None, known.prior.popularity_ranks is None) == (not wanted.interactions, not wanted.popularity)
    assert_revealed(known.prior, wanted, run.train)


@every_choice
def test_the_seed_of_an_attack_tells_nothing_of_the_run(choice):
    run = run_of(choice)
    ((known,),) = run.knowledge
    assert known.seed != run.seed
    streams = {generator(run.seed, name).initial_seed() for name in RUN_STREAMS}
    assert known.seed not in streams
    assert not streams & {generator(known.seed, name).initial_seed() for name in RUN_STREAMS}


def assert_revealed(prior, wanted, train):
    """Of each user's n items xi * n, rounded up or down; ranks of all items; nothing that was not asked for."""
    if wanted.popularity:
        assert torch.equal(prior.popularity_ranks, train.popularity_ranks())
    else:
        assert prior.popularity_ranks is None
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


@given(
    positives=st.lists(st.lists(st.integers(0, 9), max_size=12), min_size=1, max_size=6),
    share=st.one_of(st.just(0.0), st.just(1.0), st.floats(0.01, 1.0)),
    popularity=st.booleans(),
    seed=st.integers(0, 99),
)
def test_reveal(positives, share, popularity, seed):
    """Repeat purchases count each; users without interactions have nothing to reveal."""
    flat = [item for one in positives for item in one]
    offsets = torch.tensor([0, *map(len, positives)]).cumsum(0)
    train, wanted = Interactions(offsets, torch.tensor(flat, dtype=torch.int32), 10), PriorWanted(share, popularity)
    prior = reveal(wanted, train, generator(seed, "prior"), torch.device("cpu"))
    assert_revealed(prior, wanted, train)
    again = reveal(wanted, train, generator(seed, "prior"), torch.device("cpu"))
    assert all(torch.equal(*pair) for pair in zip(tensors(prior).values(), tensors(again).values(), strict=True))


def test_reveal_meets_the_share_over_all_users_and_favours_no_item():
    n_users, n_own = 4000, 5
    train = Interactions(torch.arange(n_users + 1) * n_own, torch.arange(n_own, dtype=torch.int32).repeat(n_users), n_own)
    users, items = reveal(PriorWanted(interactions=0.05), train, generator(0, "prior"), torch.device("cpu")).interactions
    assert len(users) == pytest.approx(0.05 * n_users * n_own, rel=0.1)
    assert torch.bincount(items).tolist() == pytest.approx([len(users) / n_own] * n_own, rel=0.25)
