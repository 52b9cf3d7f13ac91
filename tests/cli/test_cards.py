"""Every card is complete and says what the code says: the static reading against the imported class."""

import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hydra.utils import get_object
from omegaconf import OmegaConf

from fedrec.cli.cards import GROUPS, Card, cards
from fedrec.cli.declarations import Declaration
from fedrec.config.compose import FOLDER, compose
from fedrec.config.validation import describe

CHOICES = [(group, path.stem) for group in GROUPS for path in sorted((FOLDER / group).glob("*.yaml"))]


@cache
def catalog(group: str) -> dict[str, Card]:
    return cards(group, [FOLDER], compose())


PLUGIN = '''
"""A model of one's own.

More about it."""
import typing
from typing import Annotated, Any, Literal
from pydantic import Field
from fedrec.interfaces import Positive as AtLeastOne
from .base import LIMIT, Base, Kind
from nowhere import Mystery

class Own(Base[int], Mystery):
    paper = "own, " "2024"
    count: "AtLeastOne"
    kind: Kind | None = None
    share: Annotated[float, Field(gt=0, le=LIMIT)]
    strange: Mystery
    computed: typing.Optional[int]

    @property
    def knowledge(self): ...

def build(rate: float, other, *, names: list[str] = []): ...
'''
BASE = """
from typing import Annotated, Generic, Literal, TypeVar

import torch.does_not_exist

T = TypeVar("T")
LIMIT = 0.25
Kind = Literal["plain", "fancy"]

class Base(Generic[T]):
    paper, applies_to = "not", "read"
    applies_to = "MF" + "-FRS"

    def __init__(self, dim: int, flag: bool = True) -> None: ...
"""


def objects(node: Any) -> Iterator[Any]:
    if OmegaConf.is_dict(node):
        if "_target_" in node:
            yield node
        for key in node:
            yield from objects(node[key])
    elif OmegaConf.is_list(node):
        for item in node:
            yield from objects(item)


@pytest.mark.parametrize(("group", "name"), CHOICES)
def test_every_class_says_what_its_card_needs(group: str, name: str) -> None:
    card = catalog(group)[name]
    assert card.summary
    if card.target:
        assert card.paper
        assert group != "attack" or card.knowledge
        assert group not in ("attack", "defense") or card.applies_to


@pytest.mark.parametrize(("group", "name"), CHOICES)
def test_every_parameter_has_its_default_range_and_meaning(group: str, name: str) -> None:
    """An option of a yaml reaches one parameter or more, perhaps as `${..option}`; the first says the range."""
    card, node = catalog(group)[name], compose(f"{group}={name}")[group]
    options = {key: value for key, value in node.items() if key != "_target_" and not list(objects(value))}
    assert {key: parameter.default for key, parameter in card.parameters.items() if "." not in key} == options
    allowed: dict[str, str] = {}
    for found in objects(node):
        for key, parameter in inspect.signature(get_object(found["_target_"]), eval_str=True).parameters.items():
            allowed.setdefault(key, describe(parameter.annotation))
    for key, parameter in card.parameters.items():
        assert parameter.allowed
        assert parameter.allowed == allowed.get(key, parameter.allowed)
        assert parameter.meaning or "." in key


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of a user, which fails when imported."""
    (tmp_path / "their_package/parts").mkdir(parents=True)
    (tmp_path / "their_package/__init__.py").write_text("from .parts import Own, build\n1 / 0\n")
    (tmp_path / "their_package/parts/__init__.py").write_text("from .own import *\nfrom .own import Own, build\n")
    (tmp_path / "their_package/parts/own.py").write_text(PLUGIN)
    (tmp_path / "their_package/parts/base.py").write_text(BASE)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_what_can_be_read_without_an_import(plugin: Path) -> None:
    own = Declaration("their_package.parts.own.Own")
    assert own.summary == "A model of one's own"
    assert [own.constant(name) for name in ("paper", "knowledge", "applies_to")] == ["own, 2024", "", "MF-FRS"]
    assert {name: own.allowed(name) for name in ("count", "kind", "share", "dim", "flag", "strange", "computed", "absent")} == {
        "count": "a whole number >= 1",
        "kind": "plain, fancy or null",
        "share": "a number > 0 and <= 0.25",
        "dim": "a whole number",
        "flag": "true or false",
        "strange": "",  # nobody knows Mystery
        "computed": "",  # `import typing` is not followed
        "absent": "",
    }
    assert Declaration("their_package.Own").constant("paper") == "own, 2024"
    build = Declaration("their_package.build")
    assert [build.allowed(name) for name in ("rate", "other", "names")] == ["a number", "", "a list of: text"]


@pytest.mark.parametrize(
    "target", ["", "Own", "nowhere.Own", "their_package.nothing.Own", "their_package.parts.own.Nobody", "builtins.dict"]
)
def test_a_class_that_cannot_be_found_says_nothing(plugin: Path, target: str) -> None:
    assert Declaration(target).constant("paper") == Declaration(target).allowed("dim") == ""


def card_of(folder: Path, text: str, group: str = "defense") -> Card:
    (folder / group).mkdir(exist_ok=True)
    (folder / group / "own.yaml").write_text(text)
    return cards(group, [FOLDER, folder], compose())["own"]


def test_a_defense_of_several_parts(plugin: Path) -> None:
    text = """# of both halves
        # on two lines
rate: ${if_below:${seed},1,0.5,2} # how fast
missing: ???
mode: "a # b" # with a sharp
server:
  _target_: their_package.build
  other: ${nowhere.to.be.found}
  rate: ${..rate}
  names:
  - {_target_: their_package.Own, count: 3, share: "${....rate}"}
"""
    card = card_of(plugin, text.replace("        #", "#"))
    assert (card.summary, card.paper, card.applies_to) == ("of both halves on two lines", "own, 2024", "MF-FRS")
    assert card.target == "their_package.build, their_package.Own"
    assert {key: (value.default, value.allowed, value.meaning) for key, value in card.parameters.items()} == {
        "rate": (0.5, "a number", "how fast"),
        "missing": ("???", "", ""),
        "mode": ("a # b", "", "with a sharp"),
        "server.other": ("${nowhere.to.be.found}", "", ""),
        "server.names.0.count": (3, "a whole number >= 1", ""),
    }


def test_a_yaml_that_builds_on_another(tmp_path: Path) -> None:
    card, base = card_of(tmp_path, "defaults: [pieck_ipe, _self_]\nN: 7 # fewer\n", "attack"), catalog("attack")["pieck_ipe"]
    assert (card.paper, card.parameters["ranks"]) == (base.paper, base.parameters["ranks"])
    assert (card.parameters["N"].default, card.parameters["N"].meaning) == (7, "fewer")


@pytest.mark.parametrize("text", ["a: [", "- a list", "defaults: [own]", "", "5: five", "_target_: 5", "a: {b: {_target_: [1]}}"])
def test_no_yaml_of_a_user_stops_the_catalog(tmp_path: Path, text: str) -> None:
    assert card_of(tmp_path, text).paper == ""


def test_a_choice_of_the_same_name_is_ours(tmp_path: Path) -> None:
    """As for Hydra, which looks into conf/ first."""
    (tmp_path / "attack").mkdir()
    (tmp_path / "attack/none.yaml").write_text("# another\n")
    assert cards("attack", [FOLDER, tmp_path], compose())["none"] == catalog("attack")["none"]
