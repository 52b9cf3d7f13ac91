"""A node of the configuration -> a constructor and its checked arguments -> an object. Nothing else instantiates.

A node with `_target_` describes an object, and its other keys are the arguments of the constructor. The group `defense` holds such
nodes, each under its own name in `client`, `transforms` or `server`, and the options that they refer to (`beta: ${...beta}`). An error
names the option that the user sets, here `defense.beta`.
"""

import importlib
import inspect
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException
from pydantic import Field

from fedrec.config.compose import FOLDER
from fedrec.config.interpolation import option_name, path_of, references
from fedrec.config.validation import ConfigError, convert, shown, unknown

RUN_OPTIONS: dict[str, Any] = {  # every other option belongs to a group
    "seed": Annotated[int, Field(ge=0)],
    "device": Literal["auto", "cpu", "cuda"],
    "threads": Annotated[int, Field(ge=1)] | None,
}
HALVES = {"client": "client-side defenses", "server": "server-side rules (aggregators)"}  # a defense has at most one of each


@dataclass(frozen=True, slots=True)
class Part:
    """A constructor and the arguments that a node gives it. Parts among the arguments are built first."""

    constructor: Callable[..., Any]
    arguments: Mapping[str, Any]

    def build(self) -> Any:
        """Return what the constructor makes of the arguments."""
        return self.constructor(**{name: _built(argument) for name, argument in self.arguments.items()})


@dataclass(frozen=True, slots=True)
class Checked:
    """A configuration in which every option is known and given, and every value has the right type and range."""

    config: DictConfig
    parts: Mapping[str, Part]  # by group

    def build(self, group: str) -> Any:
        """Return the object that a group describes, or None if it describes none."""
        return self.parts[group].build()


def check(config: DictConfig) -> Checked:
    """Read a whole configuration, with or without Hydra's own node.

    Raises ConfigError, one line that names the option, if an option is unknown, missing, of a wrong type or out of range.
    """
    groups = {path.name for path in FOLDER.iterdir() if path.is_dir()}
    names = [str(name) for name in config]
    for name in names:
        if name not in RUN_OPTIONS and name not in groups:
            raise unknown(name, (other for other in names if other != name))
    for name, annotation in RUN_OPTIONS.items():
        if name not in config:
            raise ConfigError(f"{name} is missing")
        convert(name, _plain(_value(config, name)), annotation)
    parts = {}
    for name in names:
        if name in groups and name != "hydra":
            node = _value(config, name)
            if node is not None and not isinstance(node, DictConfig):
                raise ConfigError(f"{name}={shown(_plain(node))}: {name} is a group of options")
            parts[name] = read(node)
    return Checked(config, parts)


def build(node: DictConfig | None) -> Any:
    """Return the object that a node describes, or None if it describes none. Raises ConfigError as `check` does."""
    return read(node).build()


def read(node: DictConfig | None) -> Part:
    """Return the constructor that a node names and the arguments that it gives. Raises ConfigError as `check` does."""
    if node is None:
        return Part(_nothing, {})
    if "_target_" not in node:
        if node._key() == "defense":
            return _read_defense(node)
        _refuse_options_without_effect(node)
        return Part(_nothing, {})
    constructor = _locate(node)
    parameters = _parameters(constructor)
    keys = set(map(str, node)) - {"_target_"}
    if unfit := sorted(keys - set(parameters)):
        raise unknown(_name(node, unfit[0]), parameters)
    arguments = {}
    for name, parameter in parameters.items():
        if name in keys:
            arguments[name] = _argument(node, name, parameter.annotation)
        elif parameter.default is parameter.empty:
            raise ConfigError(f"{_name(node, name)} is missing")
    return Part(constructor, arguments)


def _read_defense(node: DictConfig) -> Part:
    from fedrec.interfaces import Defense  # imports torch

    _refuse_options_without_effect(node, taken=(*HALVES, "transforms"))
    for half, kind in HALVES.items():
        if len(names := list(map(str, node.get(half) or ()))) > 1:
            raise ConfigError(f"defense=[{','.join(names)}]: {' and '.join(names)} are {kind}; list one of them")
    parts = {half: _named_parts(node, half) for half in (*HALVES, "transforms")}
    single = {half: next(iter(parts[half].values()), None) for half in HALVES}
    return Part(Defense, {**single, "transforms": tuple(parts["transforms"].values())})


def _named_parts(node: DictConfig, half: str) -> dict[str, Part]:
    named = _value(node, half) if half in node else None
    if named is None:
        return {}
    if not isinstance(named, DictConfig) or "_target_" in named:
        raise ConfigError(f"{_name(node, half)} must hold each part under its own name: {_name(node, half)}.NAME._target_")
    return {name: read(_value(named, name)) for name in map(str, named)}


def _refuse_options_without_effect(node: DictConfig, taken: Container[str] = ()) -> None:
    """Raise ConfigError if nothing refers to an option of a node that is no object itself."""
    referred = set(references(_unresolved(node._get_root())))
    for key in map(str, node):
        if key not in taken and ".".join((*path_of(node), key)) not in referred:
            parts = [f"{half}.{name}" for half in HALVES for name, part in (node.get(half) or {}).items() if key in part]
            if parts:
                raise ConfigError(f"{_name(node, parts[0])}.{key} is not to be set itself: set {_name(node, key)}")
            raise unknown(_name(node, key), (str(other) for other in node if other != key))


def _argument(node: DictConfig, key: str, annotation: Any) -> Any:
    value = _value(node, key)
    if isinstance(value, DictConfig) and "_target_" in value:
        return read(value)
    if isinstance(value, ListConfig) and any(isinstance(item, DictConfig) and "_target_" in item for item in value):
        return [read(item) for item in value]
    return convert(_name(node, key), _plain(value), annotation)


def _built(argument: Any) -> Any:
    if isinstance(argument, list | tuple):
        return type(argument)(map(_built, argument))
    return argument.build() if isinstance(argument, Part) else argument


def _nothing() -> None:
    """Return what a group describes that has no options, such as tracking=none."""


def _locate(node: DictConfig) -> Callable[..., Any]:
    module, _, name = str(target := _value(node, "_target_")).rpartition(".")
    try:
        constructor: Callable[..., Any] = getattr(importlib.import_module(module), name)
    except Exception as error:  # a user's module may fail in any way
        raise ConfigError(f"{_name(node, '_target_')}={target} cannot be imported: {error}") from error
    return constructor


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
        raise ConfigError(f"{_name(node, key)}: {str(error).splitlines()[0]}") from None


def _name(node: DictConfig, key: str) -> str:
    return option_name(_unresolved(node._get_root()), (*path_of(node), key))


def _plain(value: Any) -> Any:
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


def _unresolved(node: Any) -> Any:
    return OmegaConf.to_container(node, resolve=False)
