"""Composition, check and construction, in this process; the messages as a user sees them are tested in tests/cli."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import pytest
from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf
from pydantic import Field

from fedrec.config.build import build, check
from fedrec.config.compose import FOLDER, compose
from fedrec.config.validation import ConfigError
from fedrec.defenses.ours import PopularityRegularizer
from fedrec.interfaces import Defense

GROUPS = ("dataset", "model", "system", "attack", "defense", "evaluation", "tracking", "experiment")
CHOICES = sorted(
    f"{group}={path.relative_to(FOLDER / group).with_suffix('')}" for group in GROUPS for path in (FOLDER / group).rglob("*.yaml")
)


class Rule(Protocol):
    def __call__(self) -> None: ...


@dataclass
class Inner:
    share: Annotated[float, Field(gt=0, lt=1)]


@dataclass
class Outer:
    """One parameter of every kind that a yaml can fill."""

    count: Annotated[int, Field(ge=1)] = 1
    rate: float | tuple[float, float] | None = None
    kind: Literal["plain", "fancy"] = "plain"
    root: Path | None = None
    flag: bool = False
    tags: dict[str, str] | None = None
    inner: Inner | None = None
    rules: tuple[Rule, ...] | list[Rule] = ()


def attack(**options: Any) -> DictConfig:
    """A configuration whose attack is `Outer`."""
    config = compose("dataset=synthetic")
    OmegaConf.set_struct(config, False)
    config.attack = {"_target_": f"{__name__}.Outer", **options}
    return config


def objects(node: Any) -> Iterator[DictConfig]:
    if OmegaConf.is_dict(node):
        if "_target_" in node:
            yield node
        for key in node:
            yield from objects(node[key])


@pytest.mark.parametrize("choice", CHOICES)
def test_every_choice_is_valid_and_shows_every_option(choice: str) -> None:
    config = compose(choice, *(["dataset.root=."] if choice == "dataset=presplit" else []))
    check(config)
    for node in objects(config):
        assert set(inspect.signature(get_object(node["_target_"])).parameters) == set(node) - {"_target_"}


def test_values_arrive_as_annotated() -> None:
    inner = {"_target_": f"{__name__}.Inner", "share": 0.5}
    config = attack(count=3, rate=[1, 2], kind="fancy", root="a/b", flag=True, tags={"a": "b"}, inner=inner, rules=[inner])
    check(config)
    assert build(config.attack) == Outer(3, (1.0, 2.0), "fancy", Path("a/b"), True, {"a": "b"}, Inner(0.5), [Inner(0.5)])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": "3"}, "attack.count='3' is not allowed: must be a whole number >= 1"),
        ({"count": 3.0}, "attack.count=3.0 is not allowed: must be a whole number >= 1"),
        ({"count": True}, "attack.count=true is not allowed: must be a whole number >= 1"),
        ({"count": None}, "attack.count=null is not allowed: must be a whole number >= 1"),
        ({"rate": [1]}, "attack.rate=[1] is not allowed: must be a number, [a number, a number] or null"),
        ({"rate": float("nan")}, "attack.rate=NaN is not allowed: must be a number, [a number, a number] or null"),
        ({"kind": "Fanzy"}, "attack.kind=Fanzy is not allowed: must be plain or fancy; did you mean fancy?"),
        ({"root": 3}, "attack.root=3 is not allowed: must be a path or null"),
        ({"flag": 1}, "attack.flag=1 is not allowed: must be true or false"),
        ({"count": "???"}, "attack.count must be given: attack.count=VALUE"),
        ({"count": "${nowhere}"}, "attack.count: Interpolation key 'nowhere' not found"),
        ({"conut": 3}, "unknown option attack.conut: attack has count, rate, .*; did you mean attack.count?"),
        ({"inner": {"_target_": f"{__name__}.Inner", "share": 1}}, "attack.inner.share=1 is not allowed: must be a number > 0 and < 1"),
        ({"inner": {"_target_": f"{__name__}.Inner"}}, "attack.inner.share is missing"),
        ({"inner": {"_target_": "nowhere.Inner"}}, "attack.inner._target_=nowhere.Inner cannot be imported: No module named 'nowhere'"),
    ],
)
def test_messages(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{message.replace('[', chr(92) + '[').replace('?', '[?]')}$"):
        check(attack(**options))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("seed", -1, "seed=-1 is not allowed: must be a whole number >= 0"),
        ("threads", 0, "threads=0 is not allowed: must be a whole number >= 1 or null"),
        ("sede", 1, "unknown option sede: .* did you mean seed"),
        ("defense.beta", -1, "defense.beta=-1 is not allowed: must be a number >= 0"),
        ("defense.bet", 1, "unknown option defense.bet: .* did you mean defense.beta"),
        ("defense.client.ours.beta", 1.0, "defense.client.ours.beta is not to be set itself: set defense.beta"),
        ("defense.clients", {}, "unknown option defense.clients: .* did you mean defense.client"),
        (
            "defense.server",
            {"_target_": "krum.Krum"},
            "defense.server must hold each part under its own name: defense.server.NAME",
        ),
        ("defense.server", {"krum": {}, "median": {}}, r"defense=\[krum,median\]: krum and median are server-side rules"),
        ("tracking", "mlflow", "tracking=mlflow: tracking is a group of options"),
    ],
)
def test_options_outside_of_objects(key: str, value: Any, message: str) -> None:
    config = compose("defense=ours")
    OmegaConf.update(config, key, value, merge=False, force_add=True)
    with pytest.raises(ConfigError, match=message):
        check(config)


@pytest.mark.parametrize("choice", ["ours", "[ours,none]", "[none,ours]"])
def test_build_defense(choice: str) -> None:
    defense = build(compose(f"defense={choice}", "defense.beta=3").defense)
    assert isinstance(defense.client, PopularityRegularizer)
    assert defense.client.beta == 3.0
    assert defense.server is None


def test_build_nothing() -> None:
    assert build(compose("tracking=none").tracking) is None
    assert build(compose("defense=none").defense) == Defense()


def test_what_the_paper_sets_for_one_combination() -> None:
    assert compose().system.clients_per_round == 256
    assert compose("dataset=amazon_music").system.clients_per_round == 1024
    assert compose("dataset=amazon_music", "system.clients_per_round=7").system.clients_per_round == 7
    assert compose("system=ncf").system.learning_rate == 0.005


@pytest.mark.parametrize("defense", ["ours", "[ours]", "[ours,none]"])
def test_a_model_brings_the_settings_of_the_paper_for_its_system_attack_and_defense(defense: str) -> None:
    """DL-FRS, supplement A.2, and nothing of it with MF-FRS."""
    ncf, mf = (compose(f"model={name}", "attack=pieck_uea", f"defense={defense}") for name in ("ncf", "mf"))
    check(ncf)
    assert [(config.system.learning_rate, config.system.epochs, config.model.dim) for config in (ncf, mf)] == [
        (0.005, 60, 8),
        (1.0, 300, 32),
    ]
    assert list(ncf.model.layers) == [8, 8]
    assert [(config.attack.N, config.attack.batches, config.attack.rounds) for config in (ncf, mf)] == [(10, 1, 1), (50, 5, 3)]
    assert [(config.defense.N, config.defense.beta, config.defense.gamma) for config in (ncf, mf)] == [(10, 45.0, 45.0), (10, 1.0, 1.0)]
    assert build(ncf.defense).client.beta == build(ncf.defense).client.gamma == 45.0
    assert [(config.defense.reduction, config.defense.mining_times) for config in (ncf, mf)] == [("sum", 1), ("mean", 2)]


def test_options_of_the_user_win_over_those_that_a_model_brings() -> None:
    own = {"system.learning_rate": 0.1, "system.epochs": 7, "attack.N": 4, "defense.beta": 2.0, "model.dim": 5}
    config = compose("model=ncf", "attack=pieck_uea", "defense=[ours]", *(f"{name}={value}" for name, value in own.items()))
    assert {name: OmegaConf.select(config, name) for name in own} == own
    assert config.defense.client.ours.beta == 2.0
    assert config.defense.gamma == 45.0
    assert compose("model=ncf", "system=mf").system.epochs == 300


@pytest.mark.parametrize(
    ("model", "experiment", "expected"),
    [
        ("mf", "paper_text", (50, 1, 1, False)),
        ("mf", "released_code", (150, 5, 3, False)),
        ("ncf", "paper_text", (10, 1, 1, False)),
        ("ncf", "released_code", (10, 1, 1, True)),
    ],
)
def test_overlays_know_both_models(model: str, experiment: str, expected: tuple[int, int, int, bool]) -> None:
    config = compose(f"model={model}", f"experiment={experiment}", "attack=pieck_uea", "defense=ours")
    check(config)
    assert tuple(config.attack[name] for name in ("N", "batches", "rounds", "poison_scorer")) == expected
    assert (config.system.learning_rate, config.defense.beta) == ((0.005, 45.0) if model == "ncf" else (1.0, 1.0))
    won = compose(f"model={model}", f"experiment={experiment}", "attack=pieck_uea", "attack.N=3", "attack.batches=2")
    assert (won.attack.N, won.attack.batches) == (3, 2)


@pytest.mark.parametrize(("experiment", "guard"), [("paper_text", None), ("released_code", 0.95)])
def test_overlays_of_ipe_under_dl_frs(experiment: str, guard: float | None) -> None:
    assert compose("model=ncf", f"experiment={experiment}", "attack=pieck_ipe").attack.vanishing_guard == guard


@pytest.mark.parametrize(("share", "lambda_"), [(0.05, 0.9), (0.1, 0.2)])
def test_lambda_follows_the_share_of_malicious_users_under_dl_frs(share: float, lambda_: float) -> None:
    assert compose("model=ncf", "attack=pieck_ipe", f"system.malicious_share={share}").attack.lambda_ == lambda_


@pytest.mark.parametrize(("share", "lambda_"), [(0.05, 0.9), (0.1, 0.5)])
def test_lambda_follows_the_share_of_malicious_users(share: float, lambda_: float) -> None:
    assert compose("attack=pieck_ipe", f"system.malicious_share={share}").attack.lambda_ == lambda_


@pytest.mark.parametrize("experiment", ["paper_text", "released_code"])
@pytest.mark.parametrize("model", ["mf", "ncf"])
@pytest.mark.parametrize(
    "choices", [(), ("attack=pieck_ipe",), ("attack=pieck_uea", "defense=ours"), ("attack=pipa", "defense=[none,ours]")]
)
def test_overlays_fit_every_attack_and_defense(experiment: str, model: str, choices: tuple[str, ...]) -> None:
    check(compose(f"experiment={experiment}", f"model={model}", *choices))


def test_overlays_set_every_switch_one_way() -> None:
    paper, code = (compose(f"experiment={name}", "attack=pieck_uea", "defense=ours") for name in ("paper_text", "released_code"))
    assert (paper.system.sampling, code.system.sampling) == ("uniform", "epoch")
    assert [(config.attack.N, config.attack.batches, config.attack.rounds) for config in (paper, code)] == [(50, 1, 1), (150, 5, 3)]
    assert [tuple(config.defense[key] for key in ("weighting", "divergence", "reduction")) for config in (paper, code)] == [
        ("exp", "item_from_user", "sum"),
        ("square", "user_from_item", "mean"),
    ]


def test_options_of_the_user_win_over_an_overlay() -> None:
    config = compose(
        "experiment=released_code", "attack=pieck_uea", "defense=ours", "attack.N=7", "defense.weighting=exp", "system.sampling=uniform"
    )
    assert (config.attack.N, config.attack.batches) == (7, 5)
    assert config.defense.client.ours.weighting == "exp"
    assert config.system.sampling == "uniform"
