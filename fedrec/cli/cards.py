"""One card for each attack, defense, model and data set: read from its yaml and from the class that this names, written nowhere twice.

Name, defaults and meanings (the comments) are the yaml's; paper, knowledge, models and what a parameter allows are the class's.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
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

GROUPS = ("attack", "defense", "model", "dataset")
COMMENT = re.compile(r"""^(\w+):\s*(?:"[^"]*"|'[^']*'|.*?)\s+#\s+(.*)$""", re.MULTILINE)  # of an option

declaration = cache(Declaration)


@dataclass(frozen=True)
class Parameter:
    """An option of a choice; `allowed` and `meaning` in words, empty if nothing is said."""

    default: Any  # as with all other options at their defaults
    allowed: str
    meaning: str
    by_model: Mapping[str, Any] = field(default_factory=dict)  # defaults that a model brings (conf/by_model)

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
        knowledge = f"knowledge: {self.knowledge}" if self.knowledge else ""
        models = f"models: {self.applies_to}" if self.applies_to else ""
        return [fact for fact in (self.paper, knowledge, models) if fact]


def cards(group: str, folders: Sequence[Path], config: DictConfig) -> dict[str, Card]:
    """The cards of a group, by name; of several folders the first counts. Defaults may refer to the rest of `config`."""
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
    node, meanings = _read(name, files)
    config[group] = node
    values = list(_values(node, (group,)))
    targets = [str(value) for keys, value, _ in values if keys[-1] == "_target_"]
    allowed: dict[str, str] = {}
    for keys, _, target in values:
        option = option_name({group: node}, keys)
        allowed[option] = allowed.get(option) or declaration(target).allowed(keys[-1])
    parameters = {}
    folder = files[name].parents[1] / "by_model"
    settings: dict[str, Any] = {path.parent.name: OmegaConf.to_container(OmegaConf.load(path)) for path in sorted(folder.glob(f"*/{name}.yaml"))}
    for keys, value, _ in values:
        option, key = ".".join(keys), ".".join(keys[1:])
        if keys[-1] != "_target_" and option == option_name({group: node}, keys):
            default = _resolved(config, option, value)
            by_model = {model: one for model, one in _by_model(config, option, settings).items() if one != default}
            parameters[key] = Parameter(default, allowed[option], meanings.get(key, ""), by_model)
    summary = _summary(files[name]) or next((declaration(target).summary for target in targets), "")
    said = {name: _distinct(declaration(target).constant(name) for target in targets) for name in ("paper", "knowledge", "applies_to")}
    return Card(summary, **said, target=", ".join(targets), parameters=parameters)


def _read(name: str, files: Mapping[str, Path]) -> tuple[dict[str, Any], dict[str, str]]:
    """The options of a yaml, those of yamls of its group that it builds on included, and what their comments say."""
    node = OmegaConf.to_container(OmegaConf.load(files[name]))
    own = {str(key): value for key, value in node.items()} if isinstance(node, dict) else {}
    options: dict[str, Any] = {}
    meanings: dict[str, str] = {}
    for entry in own.pop("defaults", None) or []:
        if isinstance(entry, str) and entry in files:
            inherited = _read(entry, files)
            options |= inherited[0]
            meanings |= inherited[1]
    return options | own, meanings | dict(COMMENT.findall(files[name].read_text(encoding="utf-8")))


def _values(node: Any, keys: Keys) -> Iterator[tuple[Keys, Any, str]]:
    """Every value below a node: its keys, itself and the class that takes it."""
    target = str(node.get("_target_", "")) if isinstance(node, dict) else ""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        objects = [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, dict) and "_target_" in item]
        if objects or (isinstance(value, dict) and not target):
            yield from _values(value, (*keys, str(key)))
        else:
            yield (*keys, str(key)), value, target


def _resolved(config: DictConfig, option: str, value: Any) -> Any:
    """The value of an option; as it stands in the yaml if what it refers to is not there."""
    if "${" not in str(value):
        return value
    try:
        found = OmegaConf.select(config, option)
        return OmegaConf.to_container(found, resolve=True) if OmegaConf.is_config(found) else found
    except OmegaConfBaseException:
        return value


def _by_model(config: DictConfig, option: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What each model sets an option to."""
    found, key = {}, option.partition(".")[2]
    for model, setting in settings.items():
        if key in setting:
            changed = config.copy()
            OmegaConf.update(changed, option, setting[key])
            found[model] = _resolved(changed, option, setting[key])
    return found


def _summary(path: Path) -> str:
    """The comment that a yaml begins with."""
    lines = takewhile(lambda line: line.startswith("#"), path.read_text(encoding="utf-8").splitlines())
    return " ".join(line.lstrip("# ") for line in lines if not line.startswith("# @package"))


def _distinct(texts: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(filter(None, texts)))
