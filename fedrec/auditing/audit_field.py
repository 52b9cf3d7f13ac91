"""What an audit is about: its data, its attacks and defenses, the numbers of accounts, and the items that are promoted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from fedrec.auditing.account_search import grid_of, limit_of
from fedrec.auditing.audit_setups import UNDEFENDED, Choice
from fedrec.interfaces import Split

PLACES: Mapping[str, Sequence[float]] = {  # kind of item -> where its examples stand among all items, from the most popular to the least
    "cold": (0.97, 0.9),
    "tail": (0.7, 0.6),
    "mid": (0.35, 0.25),
    "head": (0.05, 0.01),
}
BOTH = {"min_sum": "attack.num_targets=1"}  # attacks that promote nothing unless an option says so, and take part both ways


@dataclass(frozen=True)
class Item:
    """An item of the data set."""

    id: str
    title: str | None
    interactions: int
    rank: int  # 1: the most popular

    @property
    def target(self) -> str:
        """The override that promotes it."""
        quoted = self.id.replace("\\", "\\\\").replace("'", "\\'")
        return f"attack.targets=['{quoted}']"


@dataclass(frozen=True)
class Field:
    """All that the questions depend on, beside the results so far."""

    users: int
    promoting: Sequence[Choice]
    untargeted: Sequence[Choice]
    defenses: Sequence[Choice]  # the candidates; the first is none
    levels: Sequence[float]
    n_seeds: int
    quick: bool = False
    items: Mapping[str, Sequence[Item]] = field(default_factory=dict)  # kind -> examples
    settings: Mapping[Choice, Sequence[tuple[str, ...]]] = field(default_factory=dict)  # others than the defaults that may be tried
    numbers: Sequence[int] = ()  # of accounts that are tried in any case

    @cached_property
    def grid(self) -> list[int]:
        """Numbers of accounts, ascending."""
        return sorted({*grid_of(self.users), *self.numbers})

    @cached_property
    def limit(self) -> int:
        """The number of accounts that every defense is judged with."""
        return limit_of(self.users)

    @property
    def seeds(self) -> range:
        return range(self.n_seeds)


def contestants(attacks: Mapping[str, bool], defenses: Sequence[str]) -> tuple[list[Choice], list[Choice], list[Choice]]:
    """Return the attacks that promote items, those that do not, and the defenses. `attacks` tells which of them promote items."""
    promoting = [Choice(name, () if promotes else (BOTH[name],)) for name, promotes in attacks.items() if promotes or name in BOTH]
    untargeted = [Choice(name) for name, promotes in attacks.items() if not promotes]
    candidates = [UNDEFENDED, *(Choice(name) for name in dict.fromkeys(defenses) if name != UNDEFENDED.name)]
    return promoting, untargeted, candidates


def examples(split: Split) -> dict[str, list[Item]]:
    """Return items of each kind, the same for the same data."""
    popularity, n_items = split.train.popularity(), split.train.n_items
    order = popularity.argsort(descending=True, stable=True).tolist()
    ids: Any = range(n_items) if split.item_ids is None else split.item_ids
    titles: Any = [None] * n_items if split.item_titles is None else split.item_titles

    def item(place: int) -> Item:
        number = order[place]
        return Item(str(ids[number]), titles[number], int(popularity[number]), place + 1)

    return {kind: [item(int(place * n_items)) for place in places] for kind, places in PLACES.items()}
