"""Who takes part: every attack and every defense that conf/ and the folder of --config-dir hold, and combinations of defenses."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from fedrec.config.compose import FOLDER
from fedrec.config.validation import ConfigError, did_you_mean
from fedrec.config.yaml_files import read_yaml

NONE = "none"
NAMED = (  # combinations that have a row beside the single defenses; a name that conf/ lacks takes its combination along
    "[norm_bound,flame]",
    "[norm_bound,median]",
    "[bucketing,median]",
    "[arc,median]",
)
_HALVES = ("client", "transforms", "server")  # the parts of a defense


@dataclass(frozen=True)
class Field:
    """Names as one types them; `none` comes first."""

    attacks: Sequence[str]
    defenses: Sequence[str]
    models: Sequence[str]
    folders: Sequence[Path]  # that hold the yamls
    only: Sequence[str] = ()  # the defenses that were asked for; empty: all

    @classmethod
    def of(cls, own: Path | None, attacks: Sequence[str] = (), defenses: Sequence[str] = (), models: Sequence[str] = ()) -> "Field":
        """Return all that take part, or those that are named, and always `none`. Raises ConfigError if a name is unknown."""
        folders = [FOLDER, *([own] if own else [])]
        known = _names("defense", folders)
        rows = [*known, *(one for one in NAMED if {*parts_of(one)} <= {*known})]
        combined = [one for one in defenses if len(parts_of(one)) > 1 and {*parts_of(one)} <= {*known}]
        rivals = _chosen("attacks", attacks, _names("attack", folders)), _chosen("defenses", defenses, [*dict.fromkeys([*rows, *combined])])
        playing, defending = ([NONE, *(one for one in some if one != NONE)] for some in rivals)
        return cls(playing, defending, _chosen("models", models, _names("model", folders)), folders, defenses)

    def knows(self, attack: str, defense: str) -> bool:
        """Return whether the yamls of both are there."""
        return all(
            any((folder / group / f"{name}.yaml").is_file() for folder in self.folders)
            for group, text in (("attack", attack), ("defense", defense))
            for name in parts_of(text)
        )

    def combinations(self) -> list[str]:
        """Return every combination of at most one client's half, one transform and one rule, of two parts at least, that was asked for."""
        halves = {name: self._halves(name) for name in _names("defense", self.folders) if name != NONE}
        kinds = [[name for name, own in halves.items() if own == {half}] for half in _HALVES[:2]]
        kinds.append([name for name, own in halves.items() if "server" in own])
        found = [[part for part in parts if part] for parts in product(*(["", *kind] for kind in kinds))]
        combined = [f"[{','.join(parts)}]" for parts in found if len(parts) > 1]
        only = [{*parts_of(one)} for one in self.only]
        return [one for one in combined if {*parts_of(one)} in only or not only]

    def _halves(self, name: str) -> set[str]:
        path = next(folder / "defense" / f"{name}.yaml" for folder in self.folders if (folder / "defense" / f"{name}.yaml").is_file())
        return {*_HALVES} & {*read_yaml(path)}


def parts_of(choice: str) -> list[str]:
    """
    Return the names in a choice.

    >>> parts_of("[ours,median]"), parts_of("krum")
    (['ours', 'median'], ['krum'])
    """
    return [part for part in re.split(r"[\[\], ]+", choice) if part]


def _names(group: str, folders: Iterable[Path]) -> list[str]:
    return sorted({path.stem for folder in folders for path in (folder / group).glob("*.yaml")})


def _chosen(option: str, wanted: Sequence[str], allowed: Sequence[str]) -> list[str]:
    for name in wanted:
        if name not in allowed:
            raise ConfigError(f"{option}={name}: there is none; allowed are {', '.join(allowed)}{did_you_mean([name], list(allowed))}")
    return list(wanted or allowed)
