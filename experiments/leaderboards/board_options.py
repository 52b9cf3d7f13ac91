"""The options of `python -m experiments.leaderboard`, as KEY=VALUE on its command line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from fedrec.campaigns.campaign_options import SHARED_DEFAULTS, Seeds, Shared, read_options
from fedrec.config.validation import ConfigError

PARTS = ("ml100k", "shares", "combinations", "large")  # in the order in which they are measured
FLAGS = ("--dry-run", "--json", "--pages")
_OWN_FOLDER = "--config-dir"


@dataclass(frozen=True)
class BoardOptions(Shared):
    """What to measure, how often, where and on what; the text of `--help` explains each option."""

    parts: Annotated[list[Literal["ml100k", "shares", "combinations", "large"]], Field(min_length=1)]
    attacks: list[str]
    defenses: list[str]
    models: list[str]
    seeds: Seeds
    large_seeds: Seeds
    large_datasets: Annotated[list[Literal["filmtrust", "steam", "ml1m"]], Field(min_length=1)]
    strongest: Annotated[int, Field(ge=1)]
    merge: str | None
    to: str | None


BOARD_DEFAULTS: Mapping[str, Any] = {
    "parts": list(PARTS),
    "attacks": [],
    "defenses": [],
    "models": [],
    "seeds": 3,
    "large_seeds": 1,
    "large_datasets": ["filmtrust", "steam", "ml1m"],
    "strongest": 10,
    "merge": None,
    "to": None,
    **SHARED_DEFAULTS,
    "folder": "multirun/leaderboard",
    "tracking": "none",
}


def parse_board(arguments: Sequence[str]) -> tuple[BoardOptions, list[str], Path | None]:
    """Return the options, what is passed on to Hydra, and the folder of --config-dir. Raises ConfigError if an argument is wrong."""
    rest, own = _own_folder(arguments)
    options, passed = read_options(rest, BoardOptions, BOARD_DEFAULTS, f"{', '.join(FLAGS)}, {_OWN_FOLDER} FOLDER or --help")
    return options, [*passed, *([f"hydra.searchpath=[file://{own}]"] if own else [])], own


def _own_folder(arguments: Sequence[str]) -> tuple[list[str], Path | None]:
    """Take --config-dir FOLDER out of the arguments. Raises ConfigError if there is no such folder."""
    rest = list(arguments)
    at = next((place for place, one in enumerate(rest) if one.partition("=")[0] == _OWN_FOLDER), None)
    if at is None:
        return rest, None
    name, equals, folder = rest.pop(at).partition("=")
    if not equals:
        if at == len(rest):
            raise ConfigError(f"{name}: expected a folder with attack/NAME.yaml or defense/NAME.yaml")
        folder = rest.pop(at)
    if not Path(folder).is_dir():
        raise ConfigError(f"{name} {folder}: there is no such folder")
    return rest, Path(folder).absolute()
