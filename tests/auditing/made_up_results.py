"""Audits of made-up recommenders: what a run reaches follows from a formula."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fedrec.auditing.audit_course import Course
from fedrec.auditing.audit_field import Field, Item
from fedrec.auditing.audit_setups import COLD, Choice, Known, Run, Setup, Wanted

NEVER = 10**6
PROMOTING = {"pieck_uea": 1.0, "pieck_ipe": 2.0, "popular": 6.0}  # attack -> how many times the accounts it needs
UNTARGETED = {"ipm": 0.1, "spattack": 0.4}  # attack -> the share of hits that it takes at 50 accounts without a defense
NEEDED = {"none": 8, "norm_bound": 70, "flame": 25, "strict": NEVER}  # defense -> accounts with which pieck_uea reaches half of the users
PRICES = {"none": 0.0, "norm_bound": 0.01, "flame": 0.0, "strict": 0.2}  # in HR@10
HITS = 0.5


def field_of(n_seeds: int = 3, users: int = 1000, **options: Any) -> Field:
    items = {kind: [Item(f"{kind} {number}", None, 1, number) for number in (1, 2)] for kind in (COLD, "tail", "mid", "head")}
    settings = {Choice("norm_bound"): [("defense.C=0.0003",), ("defense.C=0.003",)]}
    groups = {"promoting": PROMOTING, "untargeted": UNTARGETED, "defenses": NEEDED}
    told = {"users": users, "levels": (0.05, 0.2, 0.5), "n_seeds": n_seeds, "items": items, "settings": settings}
    told |= {name: [Choice(one) for one in group] for name, group in groups.items()}
    return Field(**{**told, **options})


def usual(setup: Setup, seed: int) -> float:
    """ER@10 that rises with the number of accounts; each seed's is a little other."""
    needed = NEEDED[setup.defense.name] * PROMOTING.get(setup.attack.name, 1.0) * (1 + 0.05 * seed)
    needed *= 0.5 if "attack.adaptive=true" in setup.attack.options else 3.0 if "defense.C=0.0003" in setup.defense.options else 1.0
    return setup.accounts**2 / (setup.accounts**2 + needed**2)


@dataclass
class MadeUp:
    """Stands in for the runs of an audit, and counts them. It dies once it has measured as many as it `lives`."""

    exposure: Callable[[Setup, int], float] = usual
    lives: int | None = None
    failing: Sequence[Wanted] = ()
    known: dict[Wanted, Run] = field(default_factory=dict)
    measured: list[Wanted] = field(default_factory=list)

    def results(self, runs: Iterable[Wanted]) -> dict[Wanted, Run]:
        return {one: self.known[one] for one in runs if one in self.known}

    def measure(self, runs: Sequence[Wanted]) -> None:
        for one in runs:
            if self.lives is not None and len(self.measured) >= self.lives:
                raise KeyboardInterrupt
            assert one not in self.known
            self.measured.append(one)
            if one not in self.failing:
                self.known[one] = self.run(one)

    def run(self, wanted: Wanted) -> Mapping[str, Any]:
        setup = wanted.setup
        lost = 0.0 if setup.kind else UNTARGETED.get(setup.attack.name, 0.2) * min(1.0, setup.accounts / 50)
        hits = (HITS - PRICES[setup.defense.name]) * (1 - lost * (0.1 if setup.defense.name == "norm_bound" else 1.0))
        told = {"ER@10": self.exposure(setup, wanted.seed), "HR@10": hits, "NDCG@10": hits / 2, "validation_HR@10": hits}
        if not setup.kind:
            del told["ER@10"]
        lists = [["7", None, 5, 0.5 - 0.4 * bool(setup.accounts)], ["8", "Eight", 9, 0.1]]
        seen = {"seen": lists} if "model.save=true" in wanted.point else {}
        target = {"targets": [[setup.target or "0", None, 1, 9]] if setup.kind else []}
        times = {"seconds": {"total": 2.0}, "client_ms": 1.0, "server_ms": 2.0}
        return {**dict.fromkeys(("best", "near_best", "peak", "validation"), told), **times, **target, **seen}

    def course(self, field: Field, budget: float | None = None) -> Course:
        return Course(field, self.results, self.measure, lambda wanted: 2.0, budget)


def followed(field: Field, **options: Any) -> tuple[Course, Known]:
    course = MadeUp(**options).course(field)
    return course, course.follow()
