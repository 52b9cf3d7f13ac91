"""The options of `python -m experiments.paper`, as KEY=VALUE on its command line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from fedrec.campaigns.campaign_options import SHARED_DEFAULTS, Seeds, Shared, read_options

STORE = "paper"  # the name of the store in which results are kept


@dataclass(frozen=True)
class Options(Shared):
    """What the paper's program measures, and how often; the text of `--help` explains each option."""

    only: list[str]
    datasets: Annotated[list[Literal["ml100k", "ml1m", "amazon_music"]], Field(min_length=1)]
    seeds: Seeds
    large_seeds: Seeds
    beyond_seeds: Seeds
    known: str | None


DEFAULTS: Mapping[str, Any] = {
    "only": [],
    "datasets": ["ml100k", "ml1m", "amazon_music"],
    "seeds": 5,
    "large_seeds": 3,
    "beyond_seeds": 1,
    **SHARED_DEFAULTS,
    "folder": "multirun/paper",
    "known": None,
}


def parse(arguments: Sequence[str]) -> tuple[Options, list[str]]:
    """Return the options of the paper's program and the arguments that are passed on to Hydra. Raises ConfigError."""
    return read_options(arguments, Options, DEFAULTS, "--dry-run, --json or --help")
