"""Check and construction. tests/cli has the messages as a user sees them."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from omegaconf import DictConfig, OmegaConf
from pydantic import Field

from fedrec.config.build import build, check
from fedrec.config.compose import compose
from fedrec.config.validation import ConfigError
from fedrec.defenses.ours import PopularityRegularizer
from fedrec.interfaces import Callback, Defense, EachOnce


@dataclass
class Everything(Callback):
    """One parameter of every kind that a yaml can fill."""

    count: Annotated[int, Field(ge=1)] = 1
    stamp: Annotated[int, Field(lt=2**40)] = 0
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    names: Annotated[list[str], EachOnce] | None = None
    rate: float | tuple[float, float] | None = None
    kind: Literal["plain", "fancy"] = "plain"
    root: Path | None = None
    flag: bool = False
    tags: dict[str, str] | None = None


composed = cache(compose)


def tracking(**options: Any) -> DictConfig:
    """A configuration whose callback is `Everything`."""
    config = composed("dataset=synthetic").copy()
    OmegaConf.set_struct(config, False)
    config.tracking = {"_target_": f"{__name__}.Everything", **options}
    return config


def test_values_arrive_as_annotated() -> None:
    config = tracking(count=3, stamp=2**35, names=["a"], rate=[1, 2], kind="fancy", root="a/b", flag=True, tags={"a": "b"})
    check(config)
    assert build(config.tracking) == Everything(3, 2**35, 0.5, ["a"], (1.0, 2.0), "fancy", Path("a/b"), True, {"a": "b"})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": "3"}, "tracking.count='3' is not allowed: must be a whole number >= 1"),
        ({"count": 3.0}, "tracking.count=3.0 is not allowed: must be a whole number >= 1"),
        ({"count": True}, "tracking.count=true is not allowed: must be a whole number >= 1"),
        ({"count": None}, "tracking.count=null is not allowed: must be a whole number >= 1"),
        ({"rate": [1]}, "tracking.rate=[1] is not allowed: must be a number, [a number, a number] or null"),
        ({"rate": float("nan")}, "tracking.rate=NaN is not allowed: must be a number, [a number, a number] or null"),
        ({"kind": "Fanzy"}, "tracking.kind=Fanzy is not allowed: must be plain or fancy; did you mean fancy?"),
        ({"root": 3}, "tracking.root=3 is not allowed: must be a path or null"),
        ({"flag": 1}, "tracking.flag=1 is not allowed: must be true or false"),
        ({"count": "???"}, "tracking.count must be given: tracking.count=VALUE"),
        ({"count": "${nowhere}"}, "tracking.count: Interpolation key 'nowhere' not found"),
        ({"conut": 3}, "unknown option tracking.conut: tracking has count, stamp, .*; did you mean tracking.count?"),
        ({"share": 1}, "tracking.share=1 is not allowed: must be a number > 0 and < 1"),
        ({"count": 2**32}, "tracking.count=4294967296 is not allowed: a whole number is at most 4294967295"),
        ({"stamp": 2**40}, "tracking.stamp=1099511627776 is not allowed: must be a whole number < 1099511627776"),
        ({"rate": 10**20}, "tracking.rate=100000000000000000000 is not allowed: a whole number is at most 4294967295"),
        ({"rate": [1.0, -1e300]}, "tracking.rate=[1.0,-1e+300] is not allowed: a number is 0, or between 1e-45 and 3.4e+38 in size"),
        ({"share": 1e-300}, "tracking.share=1e-300 is not allowed: a number is 0, or between 1e-45 and 3.4e+38 in size"),
        ({"names": ["a", "a"]}, "tracking.names=[a,a] is not allowed: must be a list of: text, each once or null"),
        ({"tags": {"a": 1}}, 'tracking.tags={"a": 1} is not allowed: must be a mapping {NAME: VALUE}, where VALUE is text or null'),
        ({"count": "${.count}"}, "tracking.count: it refers to itself, perhaps through other options"),
        ({"count": "${.stamp}", "stamp": "${.count}"}, "tracking.count: it refers to itself, perhaps through other options"),
    ],
)
def test_messages(options: dict[str, Any], message: str) -> None:
    pattern = re.sub(r"[\[{?+]", lambda found: rf"\{found[0]}", message)
    with pytest.raises(ConfigError, match=rf"^{pattern}$"):
        check(tracking(**options))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("seed", -1, "seed=-1 is not allowed: must be a whole number >= 0 and < 9223372036854775808"),
        ("threads", 0, "threads=0 is not allowed: must be a whole number from 1 to 1024 or null"),
        ("threads", 1025, "threads=1025 is not allowed: must be a whole number from 1 to 1024 or null"),
        ("seed", 2**63, "seed=9223372036854775808 is not allowed: must be a whole number >= 0 and < 9223372036854775808"),
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
