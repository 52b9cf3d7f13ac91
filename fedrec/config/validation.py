"""One value against the annotation of the parameter that takes it: conversion, and plain words for what is allowed."""

import difflib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AfterValidator, ConfigDict, PydanticUserError, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import SchemaError

STRICT = ConfigDict(strict=True, arbitrary_types_allowed=True, allow_inf_nan=False)
WORDS = {NoneType: "null", bool: "true or false", int: "a whole number", float: "a number", str: "text", Path: "a path", Any: "anything"}
BOUNDS = {"ge": ">= ", "gt": "> ", "le": "<= ", "lt": "< "}  # of numbers
BOUNDS |= {"min_length": "of at least ", "max_length": "of at most ", "pattern": "that matches "}  # of lists and texts


WHOLE = 2**32 - 1  # the largest whole number, unless an annotation has a bound of its own; seeds of other libraries end there, too
LARGEST, SMALLEST = 3.4e38, 1e-45  # what single precision, in which runs compute, can hold


class ConfigError(ValueError):
    """Bad input. The message is one line for the user."""


def convert(name: str, value: Any, annotation: Any) -> Any:
    """Return the value as the annotation wants it. Raises ConfigError, which names the option, if it does not fit.

    >>> convert("system.client_learning_rate", [1, 2], float | tuple[float, float])
    (1.0, 2.0)
    """
    _require_machine_numbers(name, value, value, WHOLE if _has_no_upper_bound(annotation) else math.inf)
    try:
        return TypeAdapter(annotation, config=STRICT).validate_json(json.dumps(value))
    except (PydanticUserError, SchemaError):  # pydantic does not know the annotation, a protocol for instance
        return value
    except ValidationError:
        wrong = [part for part in (value if isinstance(value, list) else [value]) if isinstance(part, str)]
        allowed = f"must be {describe(annotation)}{did_you_mean(wrong, list(_choices(annotation)))}"
        raise ConfigError(f"{name}={shown(value)} is not allowed: {allowed}") from None


def _require_machine_numbers(name: str, value: Any, part: Any, largest: float) -> None:
    """Raise ConfigError if a number in a part of the value is one that no run can compute with."""
    if isinstance(part, list | dict):
        for one in part.values() if isinstance(part, dict) else part:
            _require_machine_numbers(name, value, one, largest)
    elif isinstance(part, int) and abs(part) > largest:
        raise ConfigError(f"{name}={shown(value)} is not allowed: a whole number is at most {largest}")
    elif isinstance(part, float) and math.isfinite(part) and part and not SMALLEST <= abs(part) <= LARGEST:
        raise ConfigError(f"{name}={shown(value)} is not allowed: a number is 0, or between {SMALLEST} and {LARGEST} in size")


def _has_no_upper_bound(annotation: Any) -> bool:
    limits = annotation.metadata if isinstance(annotation, FieldInfo) else [annotation]
    return not any(hasattr(limit, "le") or hasattr(limit, "lt") for limit in limits) and all(map(_has_no_upper_bound, get_args(annotation)))


def describe(annotation: Any) -> str:
    """Return in words what an annotation allows, `random or a list of: a whole number` for instance."""
    *others, last = _alternatives(annotation)
    return f"{', '.join(others)} or {last}" if others else last


def _alternatives(annotation: Any) -> list[str]:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return list(map(shown, arguments))
    if origin in (Union, UnionType):
        return [words for argument in arguments for words in _alternatives(argument)]
    if origin is Annotated:
        described = [item.description for item in arguments[1:] if isinstance(item, FieldInfo) and item.description]
        return described or [describe(arguments[0]) + _bounds(arguments[1:])]
    if origin is tuple and Ellipsis not in arguments:
        return [f"[{', '.join(map(describe, arguments))}]"]
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return [f"a mapping {{NAME: VALUE}}, where VALUE is {describe(arguments[1])}"]
    if isinstance(origin, type) and issubclass(origin, Iterable):
        return [f"a list of: {describe(arguments[0])}"]
    return [WORDS.get(annotation, getattr(annotation, "__name__", str(annotation)))]


def unknown(name: str, names: Iterable[str]) -> ConfigError:
    """Return the error for an option `group.key` if the group has only the keys `names`.

    >>> unknown("attack.round", ["_target_", "N", "rounds"])
    ConfigError('unknown option attack.round: attack has N, rounds; did you mean attack.rounds?')
    """
    group, dot, key = name.rpartition(".")
    valid = [other for other in names if other not in ("_target_", "hydra")]
    where = f"{group} has" if group else "there are"
    return ConfigError(f"unknown option {name}: {where} {', '.join(valid) or 'no options'}{did_you_mean([key], valid, group + dot)}")


def did_you_mean(wrong: Iterable[str], names: Sequence[str], prefix: str = "") -> str:
    """Return the valid name nearest to a wrong one, as a question, or nothing.

    >>> did_you_mean(["pieck_eua"], ["none", "pieck_ipe", "pieck_uea"])
    '; did you mean pieck_uea?'
    """
    by_lower_case = {name.lower(): name for name in names}
    for word in wrong:
        if word not in names and (near := difflib.get_close_matches(word.lower(), by_lower_case, n=1, cutoff=0.5)):
            return f"; did you mean {prefix}{by_lower_case[near[0]]}?"
    return ""


def shown(value: Any) -> str:
    """Return a value as one types it on the command line.

    >>> shown(["ER", "3", True, None])
    "[ER,'3',true,null]"
    """
    if isinstance(value, list):
        return f"[{','.join(map(shown, value))}]"
    if isinstance(value, str):
        return repr(value) if value[:1].isdigit() else value
    return json.dumps(value)


def _bounds(metadata: Sequence[Any]) -> str:
    limits = [limit for item in metadata for limit in (item.metadata if isinstance(item, FieldInfo) else [item])]
    found = {key: getattr(limit, key) for limit in limits for key in BOUNDS if hasattr(limit, key)}
    laws = "".join(f", {item.func.__name__.replace('_', ' ')}" for item in metadata if isinstance(item, AfterValidator))  # each_once
    if found.keys() == {"ge", "le"}:
        return f" from {found['ge']} to {found['le']}{laws}"
    return "".join(f" {'and ' * bool(n)}{BOUNDS[key]}{bound}" for n, (key, bound) in enumerate(found.items())) + laws


def _choices(annotation: Any) -> Iterator[str]:
    for argument in get_args(annotation):
        if get_origin(annotation) is Literal:
            yield str(argument)
        else:
            yield from _choices(argument)
