"""Every attack of conf/attack with its own defaults, alone and on made-up models, for the laws that all attacks obey."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args, get_type_hints

import torch
from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf

from fedrec.config.build import build
from fedrec.config.compose import FOLDER, compose
from fedrec.federation.benign_statistics import StatisticsOfRound
from fedrec.interfaces import (
    Attack,
    AttackerKnowledge,
    AttackerView,
    BenignUploads,
    DenseScorerGradients,
    GlobalModel,
    Interactions,
    Model,
    ReplacedRows,
    ScorerPart,
    Upload,
)
from fedrec.models.losses import bce
from fedrec.poisoning.prior_knowledge import reveal
from fedrec.randomness import generator

NAMES = sorted(path.stem for path in (FOLDER / "attack").glob("*.yaml"))
MODELS = sorted(path.stem for path in (FOLDER / "model").glob("*.yaml"))
N_CLIENTS, N_ITEMS, N_USERS, TARGETS = 6, 80, 30, [3, 60]


@cache
def kind(name: str) -> Any:
    """Return the class of an attack."""
    return get_class(OmegaConf.load(FOLDER / f"attack/{name}.yaml")["_target_"])


def priors(name: str) -> Sequence[Any]:
    """Return what the option `prior` of an attack may be."""
    annotations = get_type_hints(kind(name))
    return get_args(annotations["prior"]) if "prior" in annotations else (None,)


def drawn_interactions() -> Interactions:
    items = torch.rand(N_USERS, N_ITEMS, generator=generator(0, "interactions")).topk(20).indices
    return Interactions(torch.arange(N_USERS + 1) * 20, items.flatten().int(), N_ITEMS)


TRAIN = drawn_interactions()


@dataclass(frozen=True)
class Choice:
    """An attack, what it is told beyond the threat model if it has a `prior` option, and a model."""

    name: str
    prior: str | None
    model: str
    options: tuple[str, ...] = ()  # in place of defaults

    def __str__(self) -> str:
        return " ".join([self.name, *([self.prior] if self.prior else []), self.model, *self.options])

    @property
    def overrides(self) -> list[str]:
        return [f"attack={self.name}", f"model={self.model}", *([f"attack.prior={self.prior}"] if self.prior else []), *self.options]

    def attack(self) -> Attack:
        built: Attack = build(composed(self).attack)
        return built

    def recommender(self) -> Model:
        built: Model = build(composed(self).model)
        return built

    def begun(self, targets: Sequence[int] = TARGETS, **options: Any) -> Any:
        """Return the attack, told what it may know before training; options replace its defaults."""
        attack = self.attack()
        for name, value in options.items():
            assert hasattr(attack, name)
            setattr(attack, name, value)
        prior = reveal(attack.prior_wanted(), TRAIN, generator(0, "prior"), torch.device("cpu"))
        attack.setup(AttackerKnowledge(N_CLIENTS, N_ITEMS, self.recommender(), bce, torch.tensor(targets), 7, prior))
        return attack

    def views(self, rounds: Sequence[Sequence[int]], *attacks: Attack) -> Iterator[AttackerView]:
        """Return what the sampled clients of each round receive: another model each time, so far from 0 that all of it matters.

        The attacks follow how one becomes the next.
        """
        before = torch.empty(0)
        for round, sampled in enumerate(rounds):
            drawing = generator(round, "model")
            _, model = self.recommender().initialise(1, N_ITEMS, drawing)
            global_model = GlobalModel(0.5 * torch.randn(model.items.shape, generator=drawing), model.scorer)
            for attack in attacks if round else ():
                attack.follow(ReplacedRows(None, before, global_model.items))
            before = global_model.items
            uploads = benign_uploads(global_model, generator(round, "uploads")) if self.prior == "uploads" else None
            yield AttackerView(round, torch.tensor(sampled, dtype=torch.int64), global_model, 0.1, uploads=uploads)


def benign_uploads(model: GlobalModel, drawing: torch.Generator) -> BenignUploads:
    """Return what an omniscient attack is told of benign clients who upload random gradients for their items of `TRAIN`."""
    rows = torch.randn(len(TRAIN.items), model.items.shape[1], generator=drawing)
    gradients = {name: torch.randn(N_USERS, *value.shape, generator=drawing) for name, value in model.scorer.items()}
    everybody = torch.arange(N_USERS)
    scorer = (ScorerPart(everybody, DenseScorerGradients(gradients)),) if gradients else ()
    return StatisticsOfRound(Upload.of_rows(everybody, TRAIN.items, TRAIN.users, rows, scorer), N_ITEMS)


@cache
def composed(choice: Choice) -> DictConfig:
    return compose(*choice.overrides)


EARLY = {"poison_frs": ("attack.start_round=1",)}  # in place of a default that waits for longer than a test
CHOICES = [Choice(name, prior, model, EARLY.get(name, ())) for name in NAMES for prior in priors(name) for model in MODELS]
SWITCHED = [  # PIECK with its switches turned the other way
    Choice("pieck_ipe", None, "mf", ("attack.starts=mined", "attack.single_sign=divide")),
    Choice("pieck_ipe", None, "ncf", ("attack.starts=mined", "attack.single_sign=multiply")),
    Choice("pieck_uea", None, "mf", ("attack.starts=mined", "attack.repetitions=outer", "attack.multi_target=together")),
    Choice("pieck_uea", None, "ncf", ("attack.starts=mined", "attack.repetitions=inner", "attack.batches=3", "attack.rounds=2")),
    *(Choice(name, None, model, ("attack.adaptive=true",)) for name in ("pieck_ipe", "pieck_uea") for model in ("mf", "ncf")),
    Choice("poison_frs", None, "mf", ("attack.start_round=0", "attack.max_lambda=40")),
    Choice("poison_frs", None, "ncf", ("attack.start_round=0", "attack.noise_std=0")),
]
