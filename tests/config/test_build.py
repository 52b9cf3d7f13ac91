"""Check and construction. tests/cli has the messages as a user sees them."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import pytest
from omegaconf import DictConfig, OmegaConf
from pydantic import Field

from fedrec.config.build import build, check
from fedrec.config.compose import compose
from fedrec.config.validation import ConfigError
from fedrec.defenses.ours import PopularityRegularizer
from fedrec.interfaces import Defense


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


composed = cache(compose)


def attack(**options: Any) -> DictConfig:
    """A configuration whose attack is `Outer`."""
    config = composed("dataset=synthetic").copy()
    OmegaConf.set_struct(config, False)
    config.attack = {"_target_": f"{__name__}.Outer", **options}
    return config


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
    config = composed("defense=ours").copy()
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
