"""The options of `python -m experiments.paper`, as KEY=VALUE on its command line."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal

from pydantic import Field

from fedrec.config.validation import ConfigError, convert, unknown

STORE = "paper"  # the name of the store in which results are kept
Count = Annotated[int, Field(ge=1)]
Seeds = Annotated[int, Field(ge=1, le=1000)]


@dataclass(frozen=True)
class Options:
    """What to measure, how often, where and on what; the text of `--help` explains each option."""

    only: list[str]
    datasets: Annotated[list[Literal["ml100k", "ml1m", "amazon_music"]], Field(min_length=1)]
    seeds: Seeds
    large_seeds: Seeds
    beyond_seeds: Seeds
    device: Literal["cpu", "cuda"]
    launcher: Annotated[str, Field(min_length=1)]
    workers: Count
    folder: Annotated[str, Field(min_length=1)]
    storage: str | None
    known: str | None
    tracking: Literal["mlflow", "none"]


DEFAULTS: Mapping[str, Any] = {
    "only": [],
    "datasets": ["ml100k", "ml1m", "amazon_music"],
    "seeds": 5,
    "large_seeds": 3,
    "beyond_seeds": 1,
    "device": "cpu",
    "launcher": "joblib",
    "workers": os.cpu_count() or 1,
    "folder": "multirun/paper",
    "storage": None,
    "known": None,
    "tracking": "mlflow",
}


def parse(arguments: Sequence[str]) -> tuple[Options, list[str]]:
    """Return the options and the arguments that are passed on to Hydra. Raises ConfigError if an argument is wrong."""
    values, passed = dict(DEFAULTS), []
    for argument in arguments:
        name, equals, text = argument.partition("=")
        if not equals or argument.startswith("-"):
            raise ConfigError(f"{argument}: expected KEY=VALUE, --dry-run, --json or --help")
        if name.startswith(("hydra.", "hydra/", "tracking.")):
            passed.append(argument)
        elif name not in values:
            raise unknown(name.partition(".")[0], values)
        elif isinstance(DEFAULTS[name], list):
            values[name] = [part for part in text.split(",") if part]
        else:
            number = isinstance(DEFAULTS[name], int) and text.isdigit()
            values[name] = int(text) if number else None if text == "null" else text
    checked = {one.name: convert(one.name, values[one.name], one.type) for one in fields(Options)}
    return Options(**checked), passed
