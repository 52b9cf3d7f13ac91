"""Options that every command of a campaign has, as KEY=VALUE on its command line, and how such options are read."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from pydantic import Field

from fedrec.config.validation import ConfigError, convert, unknown

Count = Annotated[int, Field(ge=1)]
Seeds = Annotated[int, Field(ge=1, le=1000)]
Kind = TypeVar("Kind", bound="Shared")
_BETWEEN = re.compile(r",(?![^\[]*\])")  # the commas of a list, but not those of a choice such as [ours,median]


@dataclass(frozen=True)
class Shared:
    """Where and on what to measure: options of every program that measures many runs."""

    device: Literal["cpu", "cuda"]
    launcher: Annotated[str, Field(min_length=1)]
    workers: Count
    folder: Annotated[str, Field(min_length=1)]
    storage: str | None
    tracking: Literal["mlflow", "none"]


SHARED_DEFAULTS: Mapping[str, Any] = {
    "device": "cpu",
    "launcher": "joblib",
    "workers": os.cpu_count() or 1,
    "storage": None,
    "tracking": "mlflow",
}


def read_options(arguments: Sequence[str], kind: type[Kind], defaults: Mapping[str, Any], flags: str) -> tuple[Kind, list[str]]:
    """Return options of a kind and the arguments that are passed on to Hydra. Raises ConfigError if an argument is wrong."""
    values, passed = dict(defaults), []
    types = {one.name: _type_of_parts(one.type) for one in fields(kind)}
    for argument in arguments:
        name, equals, text = argument.partition("=")
        if not equals or argument.startswith("-"):
            raise ConfigError(f"{argument}: expected KEY=VALUE, {flags}")
        if name.startswith(("hydra.", "hydra/", "tracking.")):
            passed.append(argument)
        elif name not in values:
            raise unknown(name.partition(".")[0], values)
        elif isinstance(defaults[name], list):
            values[name] = [_read(part, types[name]) for part in _BETWEEN.split(text) if part]
        else:
            number = isinstance(defaults[name], int) and text.isdigit()
            values[name] = int(text) if number else None if text == "null" else text
    checked = {one.name: convert(one.name, values[one.name], one.type) for one in fields(kind)}
    return kind(**checked), passed


def _type_of_parts(annotation: Any) -> type[int | float | str]:
    """Return the type of what a list holds: int, float or str.

    >>> _type_of_parts(Annotated[Sequence[Annotated[float, Field(gt=0)]], Field(min_length=1)])
    <class 'float'>
    """
    while get_origin(annotation) is not Literal and (arguments := get_args(annotation)):
        annotation = arguments[0]
    return annotation if annotation in (int, float) else str


def _read(text: str, kind: type[int | float | str]) -> int | float | str:
    """Return the value of a kind that a text names, or the text if it names none."""
    try:
        return kind(text)
    except ValueError:
        return text
