"""Configuration -> objects: the only place that instantiates. Keys, types and ranges are checked against the constructors first.

A node with `_target_` is an object, its other keys are the arguments of the constructor. A node without one (`defense`, the root)
holds such nodes and options that they refer to (`beta: ${..beta}`); errors name the option that a user sets, here `defense.beta`.
"""

import importlib
import inspect
from collections.abc import Callable
from typing import Annotated, Any, Literal

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException
from pydantic import Field

from fedrec.config.compose import FOLDER
from fedrec.config.interpolation import option_name, path_of, references
from fedrec.config.validation import ConfigError, convert, shown, unknown

RUN_OPTIONS: dict[str, Any] = {  # all others belong to a group
    "seed": Annotated[int, Field(ge=0)],
    "device": Literal["auto", "cpu", "cuda"],
    "threads": Annotated[int, Field(ge=1)] | None,
}
Make = Callable[[Callable[..., Any], dict[str, Any]], Any]  # from a constructor and its arguments


def check(config: DictConfig) -> None:
    """Raises ConfigError, one line that names the option, if any option is unknown, missing, of a wrong type or out of range."""
    groups = {path.name for path in FOLDER.iterdir() if path.is_dir()}
    for name in map(str, config):
        if name not in RUN_OPTIONS and name not in groups:
            raise unknown(name, (other for other in map(str, config) if other != name))
    for name, annotation in RUN_OPTIONS.items():
        if name not in config:
            raise ConfigError(f"{name} is missing")
        convert(name, _plain(_value(config, name)), annotation)
    for name in groups.intersection(map(str, config)):
        if isinstance(node := _value(config, name), DictConfig):
            _check_node(node)
        elif node is not None:
            raise ConfigError(f"{name}={shown(_plain(node))}: {name} is a group of options")


def build(node: DictConfig | None) -> Any:
    """The object that a checked node describes; None for one without `_target_`, except that `defense` is made of such nodes."""
    if node is not None and node._key() == "defense" and "_target_" not in node:
        from fedrec.interfaces import Defense

        transforms = tuple(build(transform) for transform in node.get("transforms", {}).values())
        return Defense(client=build(node.get("client")), transforms=transforms, server=build(node.get("server")))
    return None if node is None or "_target_" not in node else _make(node, lambda constructor, arguments: constructor(**arguments))


def _check_node(node: DictConfig) -> None:
    if "_target_" in node:
        _make(node, lambda constructor, arguments: None)
        return
    referred = set(references(_unresolved(node._get_root())))
    for key in map(str, node):
        if isinstance(value := _value(node, key), DictConfig):
            _check_node(value)
        elif value is not None and ".".join((*path_of(node), key)) not in referred:
            raise _without_effect(node, key)


def _make(node: DictConfig, make: Make) -> Any:
    """Check the options of a node with `_target_` against its constructor, then make what is wanted of both."""
    constructor = _locate(node)
    parameters = _parameters(constructor)
    keys = set(map(str, node)) - {"_target_"}
    if unfit := sorted(keys - set(parameters)):
        raise unknown(_name(node, unfit[0]), parameters)
    arguments = {}
    for name, parameter in parameters.items():
        if name in keys:
            arguments[name] = _argument(node, name, parameter.annotation, make)
        elif parameter.default is parameter.empty:
            raise ConfigError(f"{_name(node, name)} is missing")
    return make(constructor, arguments)


def _argument(node: DictConfig, key: str, annotation: Any, make: Make) -> Any:
    value = _value(node, key)
    if isinstance(value, DictConfig) and "_target_" in value:
        return _make(value, make)
    if isinstance(value, ListConfig) and any(isinstance(item, DictConfig) and "_target_" in item for item in value):
        return [_make(item, make) for item in value]
    return convert(_name(node, key), _plain(value), annotation)


def _without_effect(node: DictConfig, key: str) -> ConfigError:
    """The error for an option that no object of the node takes."""
    children = {str(name): child for name, child in node.items_ex(resolve=False) if isinstance(child, DictConfig)}
    if shadowed := [name for name, child in children.items() if key in child]:
        return ConfigError(f"{_name(node, shadowed[0])}.{key} is not to be set itself: set {_name(node, key)}")
    return unknown(_name(node, key), (str(other) for other in node if other != key))


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
    except NameError:  # annotations that exist for type checkers only
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
