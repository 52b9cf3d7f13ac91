"""One card for each attack, defense, model and data set. Its yaml has defaults and meanings, its class paper, knowledge and ranges."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fedrec.cli.declarations import Declaration
from fedrec.config.interpolation import Keys, option_name
from fedrec.config.validation import shown
from fedrec.config.yaml_files import read_yaml

GROUPS = ("attack", "defense", "model", "dataset")
COMMENT = re.compile(r"""^(\w+):\s*(?:"[^"]*"|'[^']*'|.*?)\s+#\s+(.*)$""", re.MULTILINE)  # of an option

declaration = cache(Declaration)


@dataclass(frozen=True)
class Parameter:
    """An option of a choice; `allowed` and `meaning` are words, empty if nothing is said."""

    default: Any  # while all other options have their defaults
    allowed: str
    meaning: str
    by_model: Mapping[str, Any] = field(default_factory=dict)  # the defaults that a model brings (conf/by_model)

    @property
    def defaults(self) -> str:
        """The default, and what it is under other models."""
        return " | ".join([shown(self.default), *(f"{model}: {shown(value)}" for model, value in self.by_model.items())])

    def __str__(self) -> str:
        return self.defaults + (f" ({self.allowed})" if self.allowed else "")


@dataclass(frozen=True)
class Card:
    """What a user wants to know before choosing; empty where a class does not say."""

    summary: str
    paper: str = ""
    knowledge: str = ""  # what an attack must know beyond the threat model (Table I)
    applies_to: str = ""  # the models that it works with
    target: str = ""  # the class
    parameters: Mapping[str, Parameter] = field(default_factory=dict)

    @property
    def facts(self) -> list[str]:
        """Paper, knowledge and models, as far as the class says them."""
        said = (self.paper, self.knowledge and f"knowledge: {self.knowledge}", self.applies_to and f"models: {self.applies_to}")
        return list(filter(None, said))


def cards(group: str, folders: Sequence[Path], config: DictConfig) -> dict[str, Card]:
    """Return the cards of a group by name. The first of several folders counts; defaults may refer to the rest of `config`."""
    files = {path.stem: path for folder in reversed(folders) for path in (folder / group).glob("*.yaml")}
    rest = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    found = {}
    for name in sorted(files):
        try:
            found[name] = _card(group, name, files, rest)
        except Exception as error:  # a user's file may hold anything
            found[name] = Card(f"cannot be read: {str(error).partition(chr(10))[0]}")
    return found


def _card(group: str, name: str, files: Mapping[str, Path], config: DictConfig) -> Card:
    config[group], meanings = _read(name, files)
    node: Any = OmegaConf.to_container(config[group])
    values = list(_values(node, (group,)))
    targets = [str(value) for keys, value, _ in values if keys[-1] == "_target_"]
    options = {keys: option_name({group: node}, keys) for keys, _, _ in values}
    # an option may reach several parameters, of which the first says the range
    allowed = {options[keys]: words for keys, _, target in reversed(values) if (words := declaration(target).allowed(keys[-1]))}
    settings: dict[str, dict[str, Any]] = {}
    for one in _built_on(name, files):
        for path in sorted(files[name].parents[1].glob(f"by_model/*/{one}.yaml")):
            settings.setdefault(path.parent.name, {}).update(read_yaml(path))
    parameters = {}
    for keys, value, _ in values:
        option, key = ".".join(keys), ".".join(keys[1:])
        if keys[-1] != "_target_" and option == options[keys]:
            default = _resolved(config, option, value)
            others = {model: _resolved(config, option, own[key]) for model, own in settings.items() if key in own}
            by_model = {model: other for model, other in others.items() if other != default}
            parameters[key] = Parameter(default, allowed.get(option, ""), meanings.get(key, ""), by_model)
    summary = _summary(files[name]) or next((declaration(target).summary for target in targets), "")
    facts = {fact: [declaration(target).constant(fact) for target in targets] for fact in ("paper", "knowledge", "applies_to")}
    said = {fact: "; ".join(dict.fromkeys(filter(None, texts))) for fact, texts in facts.items()}
    return Card(summary, **said, target=", ".join(targets), parameters=parameters)


def _read(name: str, files: Mapping[str, Path]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the options of a yaml, with those of the yamls of its group that it builds on, and what their comments say."""
    options: dict[str, Any] = {}
    meanings: dict[str, str] = {}
    for one in _built_on(name, files):
        own = {key: value for key, value in read_yaml(files[one]).items() if key != "defaults"}
        options, meanings = options | own, meanings | dict(COMMENT.findall(files[one].read_text(encoding="utf-8")))
    return options, meanings


def _built_on(name: str, files: Mapping[str, Path]) -> list[str]:
    """Return the names of the yamls of a group that one builds on, and then its own."""
    entries = [entry for entry in read_yaml(files[name]).get("defaults", None) or [] if isinstance(entry, str) and entry in files]
    return [*(one for entry in entries for one in _built_on(entry, files)), name]


def _values(node: Any, keys: Keys) -> Iterator[tuple[Keys, Any, str]]:
    """Yield the keys of every value below a node, the value, and the class that takes it."""
    target = str(node.get("_target_", "")) if isinstance(node, dict) else ""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        objects = [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, dict) and "_target_" in item]
        if objects or (isinstance(value, dict) and not target):
            yield from _values(value, (*keys, str(key)))
        else:
            yield (*keys, str(key)), value, target


def _resolved(config: DictConfig, option: str, value: Any) -> Any:
    """Return what an option is if it says `value`: the value itself if what it refers to is not there."""
    if "${" not in str(value):
        return value
    changed = config.copy()
    OmegaConf.update(changed, option, value)
    try:
        found = OmegaConf.select(changed, option)
        return OmegaConf.to_container(found, resolve=True) if OmegaConf.is_config(found) else found
    except OmegaConfBaseException:
        return value


def _summary(path: Path) -> str:
    """Return the comment that a yaml begins with."""
    lines = takewhile(lambda line: line.startswith("#"), path.read_text(encoding="utf-8").splitlines())
    return " ".join(line.lstrip("# ") for line in lines if not line.startswith("# @package"))
