"""In a whole run of the real program's parts no attack is given anything beyond the threat model of Sec. III-B."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from functools import cache
from types import FunctionType, MappingProxyType

import pytest
import torch
from torch import Tensor

from fedrec.conduct import prepare
from fedrec.config.build import check
from fedrec.config.compose import compose
from fedrec.federation import system as federation
from fedrec.interfaces import AttackerKnowledge, AttackerView, GlobalModel, Interactions, Model, PriorKnowledge
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
REPRESENTATIVES = ("a_ra", "random", "none")  # their runs on DL-FRS are in the default lane, too
every_choice = pytest.mark.parametrize(
    "choice",
    [pytest.param(choice, marks=() if choice.model == "mf" or choice.name in REPRESENTATIVES else pytest.mark.slow) for choice in CHOICES],
    ids=str,
)


def walk(value, path="given"):
    """Yield every tensor and every other leaf of a value with its path; raise where it is impossible to look inside."""
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
    """A whole run, with all that its attack was given and all that it must not see."""

    def __init__(self, choice):
        self.views, self.knowledge, self.secrets, self.broadcast = [], [], {}, []
        config = compose(*choice.overrides, *RUN)
        with pytest.MonkeyPatch.context() as patch:
            self._watch(patch, kind(choice.name))
            experiment = prepare(check(config), None)
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

        def watched_concatenate(benign, poison, clients, is_malicious):
            if poison is None:
                return benign
            number = len(self.views)
            self._keep(f"benign upload {number}", [benign.rows, benign.items, benign.segments, benign.clients])
            self._keep(f"benign parts {number}", [self._own(part) for group in benign.groups for part in group.parts])
            self._keep(f"benign scorer {number}", [part.gradients.per_client() for part in benign.scorer])
            self._keep(f"benign total {number}", benign.scorer_total())
            self._keep(f"sampled {number}", [clients, is_malicious])
            return concatenate(benign, poison, clients, is_malicious)

        patch.setattr(attacks, "setup", watched_setup)
        patch.setattr(attacks, "poison", watched_poison)
        patch.setattr(federation, "concatenate", watched_concatenate)

    def _keep(self, name, secret):
        self.secrets |= {path: leaf for path, leaf in walk_anything(secret, name) if isinstance(leaf, Tensor) and leaf.numel()}

    def _own(self, part):
        """Return what a part of the benign upload consists of, apart from the global model, which everybody has."""
        memory = {leaf.untyped_storage().data_ptr() for leaf in tensors(self.system.global_model).values()}
        own = {path: leaf for path, leaf in walk_anything(part, "") if isinstance(leaf, Tensor)}
        return {path: leaf for path, leaf in own.items() if leaf.untyped_storage().data_ptr() not in memory}

    def given(self):
        """Return all tensors that the attack was given, by their path."""
        views = [replace(view, uploads=None) for (view,) in self.views]  # statistics of uploads have a test of their own
        parts = {f"round {number}": view for number, view in enumerate(views)} | {"knowledge": self.knowledge}
        return {f"{name}: {path}": leaf for name, part in parts.items() for path, leaf in tensors(part).items()}


def walk_anything(value, path):
    """Do as `walk` with whatever `fedrec` keeps: the caches of a dataclass are attributes, too."""
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
    """Return the training interactions behind the D_i: their positives."""
    positives = data.signed_counts > 0
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
        rates = {"learning_rate", "server_learning_rate"}
        assert type(view) is AttackerView
        assert {field.name for field in fields(view)} == {"round", "clients", "model", *rates, "uploads"}
        assert (view.uploads is not None) == (choice.prior == "uploads")
        assert (view.round, view.learning_rate, view.server_learning_rate) == (round, run.system.learning_rate, None)
        assert view.clients.tolist() == [client - run.system.n_users for client in sampled.tolist() if client >= run.system.n_users]
        assert type(view.model) is GlobalModel and {field.name for field in fields(view.model)} == {"items", "scorer"}
        assert torch.equal(view.model.items, global_model.items)
        assert set(view.model.scorer) == set(global_model.scorer)
        expected = {"given.clients", "given.model.items", *(f"given.model.scorer[{name}]" for name in global_model.scorer)}
        assert set(tensors(replace(view, uploads=None))) == expected


@every_choice
def test_before_training_an_attack_is_told_sizes_structure_loss_and_targets(choice):
    run = run_of(choice)
    ((known,),) = run.knowledge
    assert type(known) is AttackerKnowledge
    assert {field.name for field in fields(known)} == {"n_clients", "n_items", "model", "loss", "target_items", "seed", "prior"}
    assert (known.n_clients, known.n_items) == (run.system.n_malicious, 80)
    assert known.target_items.tolist() == run.system.targets
    assert {path for path in tensors(known) if not path.startswith("given.prior.")} == {"given.target_items"}


def _parts(model: Model) -> list[Model]:
    """Models that a model is built on."""
    return [part for part in vars(model).values() if isinstance(part, Model)]


@every_choice
def test_the_model_is_structure_only(choice):
    ((known,),) = run_of(choice).knowledge
    assert isinstance(known.model, Model) and not tensors(known.model)
    for model in (known.model, *_parts(known.model)):
        assert set(vars(model)) == set(inspect.signature(type(model)).parameters) | ({"base"} if _parts(model) else set())
    assert known.loss in LOSSES.values() and known.loss.__closure__ is None and not vars(known.loss)


@every_choice
def test_nothing_private_is_in_what_an_attack_is_given(choice):
    """No tensor in it shares memory with a private one or equals it."""
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
    expected = reveal(wanted, run.train, generator(run.seed, "attack/prior"), torch.device("cpu"))
    assert known.prior.interactions is None or all(map(torch.equal, known.prior.interactions, expected.interactions))
    assert known.prior.popularity_ranks is None or torch.equal(known.prior.popularity_ranks, expected.popularity_ranks)


@pytest.mark.parametrize("model", ["mf", "ncf"])
def test_an_omniscient_attack_sees_what_the_benign_clients_of_the_round_upload(model):
    """It is what reaches the server after the client's side of the defense: the sums, the numbers and nothing beside them."""
    seen = []

    def watched(benign, poison, clients, is_malicious):
        if poison is not None:
            seen[-1] += [benign.total(80), torch.bincount(benign.items, minlength=80), len(benign.clients)]
        return concatenate(benign, poison, clients, is_malicious)

    def watched_poison(attack, view):
        seen.append([view.uploads])
        return poison(attack, view)

    concatenate, poison = federation.concatenate, kind("ipm").poison
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(federation, "concatenate", watched)
        patch.setattr(kind("ipm"), "poison", watched_poison)
        config = compose("attack=ipm", f"model={model}", "defense=ours", "defense.N=5", "defense.starts=first", *RUN)
        assert len(list(prepare(check(config), None).system.rounds())) >= len(seen) > 4
    public = {"items", "scorer", "counts", "sums", "means", "stds", "places", "squared_distances", "diameters", "only"}
    for uploads, (rows, scorer), counts, n_clients in seen:
        assert {name for name in dir(uploads) if not name.startswith("_")} == public
        assert uploads.items.tolist() == counts.nonzero().flatten().tolist()
        assert torch.equal(uploads.counts, counts[uploads.items])
        assert torch.allclose(uploads.sums, rows[uploads.items], atol=1e-6)
        assert set(uploads.scorer) == set(scorer)
        for name, tensor in uploads.scorer.items():
            assert tensor.counts.tolist() == [n_clients]
            assert torch.allclose(tensor.sums[0], scorer[name].flatten(), atol=1e-5)


@every_choice
def test_the_seed_of_an_attack_tells_nothing_of_the_run(choice):
    run = run_of(choice)
    ((known,),) = run.knowledge
    assert known.seed != run.seed
    streams = {generator(run.seed, name).initial_seed() for name in RUN_STREAMS}
    assert known.seed not in streams
    assert not streams & {generator(known.seed, name).initial_seed() for name in RUN_STREAMS}
