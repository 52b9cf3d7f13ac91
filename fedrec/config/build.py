"""A node of the configuration -> a constructor and its checked arguments -> an object. Nothing else instantiates.

The keys beside `_target_` are the arguments. The group `defense` holds such nodes, each under its own name in `client`, `transforms` or
`server`, and the options that they refer to (`beta: ${...beta}`). An error names the option that the user sets, here `defense.beta`.
"""

import copy
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from omegaconf import DictConfig, OmegaConf, read_write
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException
from pydantic import Field

from fedrec.config.compose import FOLDER
from fedrec.config.interpolation import option_name
from fedrec.config.kinds import locate
from fedrec.config.secrets import masked, rewrite
from fedrec.config.validation import ConfigError, convert, shown, unknown

GROUPS = ("dataset", "model", "system", "attack", "defense", "evaluation", "tracking", "checkpoint")  # a run has a choice of each
HALVES = {"client": "client-side defenses", "server": "server-side rules (aggregators)"}  # a defense has at most one of each


@dataclass
class RunOptions:
    """The options that belong to no group."""

    seed: Annotated[int, Field(ge=0, lt=2**63)]
    device: Literal["auto", "cpu", "cuda", "mps"] | Annotated[str, Field(pattern=r"^cuda:\d{1,2}$", description="cuda:N")]
    resume: Annotated[str, Field(min_length=1, description="auto, never or the folder of a checkpoint")]
    reference: Annotated[str, Field(min_length=1)] | None
    threads: Annotated[int, Field(ge=1, le=1024)] | None  # far more threads than a machine can start end the process


@dataclass(frozen=True, slots=True)
class Part:
    """A constructor and the arguments that a node gives it. Parts among the arguments are built first."""

    constructor: Callable[..., Any]
    arguments: Mapping[str, Any]

    def build(self) -> Any:
        """Return what the constructor makes of the arguments."""
        return self.constructor(**{name: _built(argument) for name, argument in self.arguments.items()})


NOTHING = Part(lambda: None, {})  # what a group describes that has no object, tracking=none for instance


@dataclass(frozen=True, slots=True)
class Checked:
    """A configuration in which every option is known and given, and every value has the right type and range."""

    config: DictConfig  # without passwords
    parts: Mapping[str, Part]  # by group; one without an object builds None


def check(config: DictConfig) -> Checked:
    """Read a whole configuration, with or without Hydra's own node.

    Raises ConfigError, one line that names the option, if an option is unknown, missing, of a wrong type or out of range.
    """
    groups = {path.name for path in FOLDER.iterdir() if path.is_dir() and path.name != "__pycache__"}
    _arguments(config, RunOptions, set(map(str, config)) - groups, groups)
    nodes = {name: _value(config, name) for name in map(str, config) if name in groups and name != "hydra"}
    for name, node in nodes.items():
        if not isinstance(node, DictConfig | None):
            raise ConfigError(f"{name}={shown(_plain(node))}: {name} is a group of options")
    parts = {name: read(node) for name, node in nodes.items()}
    for name in GROUPS:
        if name not in parts:
            raise ConfigError(f"{name} is missing: {name}=NAME chooses one")
        if parts[name] is NOTHING and name != "tracking":
            raise ConfigError(f"{name} names no class: its yaml needs `_target_: MODULE.CLASS`")
    return Checked(_without_secrets(config, nodes), parts)


def build(node: DictConfig | None) -> Any:
    """Return the object that a node describes, or None if it describes none. Raises ConfigError as `check` does."""
    return read(node).build()


def read(node: DictConfig | None) -> Part:
    """Return the constructor that a node names and the arguments that it gives. Raises ConfigError as `check` does."""
    if node is not None and "_target_" in node:
        constructor = locate(node._get_full_key(None), _value(node, "_target_"))
        return Part(constructor, _arguments(node, constructor, set(map(str, node)) - {"_target_"}))
    if node is not None and node._key() == "defense":
        return _read_defense(node)
    if node is not None:
        _refuse_options_without_effect(node)
    return NOTHING


def _without_secrets(config: DictConfig, nodes: Mapping[str, DictConfig | None]) -> DictConfig:
    """Return the configuration with every secret masked, those that its nodes refer to included."""
    plain: Any = {name: _plain(node) for name, node in nodes.items() if node is not None}
    if (public := masked(plain)) == plain:
        return config
    config = copy.deepcopy(config)
    with read_write(config):
        rewrite(config, plain, public)
    return config


def _arguments(node: DictConfig, constructor: Callable[..., Any], keys: set[str], others: Iterable[str] = ()) -> dict[str, Any]:
    """Return the arguments that some keys of a node hold; `others` are names that would be right there, too."""
    parameters = _parameters(constructor)
    if unfit := sorted(keys - set(parameters)):
        raise unknown(_name(node, unfit[0]), [*parameters, *others])
    arguments = {}
    for name, parameter in parameters.items():
        if name in keys:
            arguments[name] = _argument(node, name, parameter.annotation)
        elif parameter.default is parameter.empty:
            raise ConfigError(f"{_name(node, name)} is missing")
    return arguments


def _argument(node: DictConfig, key: str, annotation: Any) -> Any:
    value = _plain(_value(node, key))
    if _names_a_class(value):
        raise ConfigError(f"{_name(node, key)} is not allowed to hold `_target_`: no class is chosen there")
    return convert(_name(node, key), value, annotation)


def _names_a_class(value: Any) -> bool:
    if isinstance(value, dict):
        return "_target_" in value or any(map(_names_a_class, value.values()))
    return isinstance(value, list) and any(map(_names_a_class, value))


def _read_defense(node: DictConfig) -> Part:
    from fedrec.interfaces import Defense  # imports torch

    parts: dict[str, Any] = {}
    for half in (*HALVES, "transforms"):
        named = _value(node, half) if half in node else None
        nodes = {str(name): _value(named, str(name)) for name in named} if isinstance(named, DictConfig) else {"": named} if named else {}
        if not all(isinstance(one, DictConfig) for one in nodes.values()):
            raise ConfigError(f"{_name(node, half)} must hold each part under its own name: {_name(node, half)}.NAME._target_")
        if half in HALVES and len(nodes) > 1:
            raise ConfigError(f"defense=[{','.join(nodes)}]: {' and '.join(nodes)} are {HALVES[half]}; list one of them")
        parts[half] = tuple(map(read, nodes.values()))
    _refuse_options_without_effect(node, taken=parts)
    return Part(Defense, parts | {half: next(iter(parts[half]), None) for half in HALVES})


def _refuse_options_without_effect(node: DictConfig, taken: Iterable[str] = ()) -> None:
    """Raise ConfigError if nothing in a node that is no object itself refers to one of its options."""
    plain: Any = OmegaConf.to_container(node, resolve=False)
    for key in (key for key in plain if key not in taken):
        if not re.search(rf"\$\{{(\.+|{node._key()}\.){re.escape(key)}\b", str(plain)):
            for place in (f"{half}.{name}" for half in HALVES for name, part in (plain.get(half) or {}).items() if key in part):
                raise ConfigError(f"{_name(node, place)}.{key} is not to be set itself: set {_name(node, key)}")
            raise unknown(_name(node, key), (other for other in plain if other != key))


def _built(argument: Any) -> Any:
    if isinstance(argument, tuple):
        return tuple(map(_built, argument))
    return argument.build() if isinstance(argument, Part) else argument


def _parameters(constructor: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    try:
        signature = inspect.signature(constructor, eval_str=True)
    except NameError:  # the annotations exist for type checkers only
        signature = inspect.signature(constructor)
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {name: parameter for name, parameter in signature.parameters.items() if parameter.kind in named}


def _value(node: DictConfig, key: str) -> Any:
    try:
        return node[key]
    except MissingMandatoryValue:
        raise ConfigError(f"{_name(node, key)} must be given: {_name(node, key)}=VALUE") from None
    except OmegaConfBaseException as error:
        reason = (
            str(error).splitlines()[0].replace("Recursive interpolation detected", "it refers to itself, perhaps through other options")
        )
        raise ConfigError(f"{_name(node, key)}: {reason}") from None


def _name(node: DictConfig, key: str) -> str:
    """Return the option that a user sets to change the value."""
    return option_name(node._get_root(), tuple(re.findall(r"\w+", node._get_full_key(key))))


def _plain(value: Any) -> Any:
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
