"""The command line of a launch -> what it asks for. Everything is checked before any process is started."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import hydra
from pydantic import Field

from fedrec.cli.arguments import CONFIG_DIR, of_one_run
from fedrec.config.build import check
from fedrec.config.validation import ConfigError, convert

FOLDER = "outputs/flower"  # has a folder for each setting and number of nodes
EXPECTED = f"{CONFIG_DIR} FOLDER or --help"
DEFAULTS: Mapping[str, Any] = {"nodes": 4, "folder": None, "round_timeout": 600.0, "tls": False}
_SETTINGS: Mapping[str, Any] = {
    "nodes": Annotated[int, Field(ge=1, le=10_000)],
    "folder": Annotated[str, Field(min_length=1)] | None,
    "round_timeout": Annotated[float, Field(gt=0)],
    "tls": bool,
}
_REFUSED = {  # options of a run that a federation does not have -> why
    "hydra": "folder=FOLDER says where the results lie; a federation is no job of Hydra",
    "sweep": "a federation is of one setting; several settings take several commands",
}
_SEPARATORS = ("'", '"', "\\", "\n")  # of the text in which Flower hands a folder to a node


@dataclass(frozen=True)
class Launch:
    """What a command line asks for."""

    overrides: list[str]  # of fedrec.main
    nodes: int
    folder: Path  # absolute
    round_timeout: float  # seconds that the server waits for the replies of a round
    tls: bool  # whether connections are encrypted, and nodes show who they are


def asked_for(arguments: Sequence[str]) -> Launch:
    """Return what the arguments ask for. Hydra must be initialised.

    Raises ConfigError, or what Hydra raises, if an argument is wrong, an option does not exist, or Flower is not installed.
    """
    own, rest = dict(DEFAULTS), []
    for argument in arguments:
        name, equals, text = argument.partition("=")
        if equals and name in DEFAULTS:
            own[name] = text if name == "folder" else _plain(text)
        else:
            rest.append(argument)
    own = {name: convert(name, value, _SETTINGS[name]) for name, value in own.items()}
    overrides = of_one_run(rest, "a federation", EXPECTED)
    for override in overrides:
        name = override.lstrip("+~").partition("=")[0]
        if name != "hydra.searchpath" and (reason := _REFUSED.get(name.replace("/", ".").partition(".")[0])):
            raise ConfigError(f"{override}: {reason}")
    check(hydra.compose("config", overrides))
    folder = own.pop("folder") or f"{FOLDER}/{digest(overrides, own['nodes'])}"
    if any(sign in str(Path(folder).absolute()) for sign in _SEPARATORS):
        raise ConfigError(f"folder={folder} is not allowed: its path must hold no quotation mark, backslash or end of a line")
    require_flower()
    return Launch(overrides, folder=Path(folder).absolute(), **own)


def digest(overrides: Sequence[str], nodes: int) -> str:
    """Return a short name of a setting, so that the same command after an interruption finds the same folder.

    >>> digest(["attack=none"], 4) == digest(["attack=none"], 4) != digest(["attack=none"], 2)
    True
    """
    return hashlib.sha256(json.dumps([nodes, *overrides]).encode()).hexdigest()[:10]


def require_flower() -> None:
    """Raise ConfigError if Flower is not installed."""
    if find_spec("flwr") is None:
        raise ConfigError("fedrec.flower needs flwr: pip install 'fedrec[flower]'")


def _plain(text: str) -> Any:
    """Return the number or truth value that a text names, or the text if it names none."""
    try:
        return json.loads(text)
    except ValueError:
        return text
