"""The tables of an audit from its runs; `audit_result.COLUMNS` says what they hold."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import mean
from typing import TYPE_CHECKING, Any

from fedrec.auditing.account_search import answer
from fedrec.auditing.audit_field import Field
from fedrec.auditing.audit_result import COLUMNS
from fedrec.auditing.audit_setups import UNDEFENDED, UNPOPULAR, Choice, Known, Run, Setup, Wanted, by_setup, exposure_of, peak_of
from fedrec.auditing.audit_setups import quality_of as quality
from fedrec.auditing.audit_stages import final
from fedrec.auditing.audit_standings import (
    compared,
    curve_of,
    losses,
    measured_pairs,
    on_front,
    points,
    promoted,
    standings,
    strongest,
    unattacked,
)
from fedrec.auditing.seed_intervals import interval, share_interval

if TYPE_CHECKING:
    import pandas as pd

Row = Mapping[str, Any]
_TIMES = ("client_ms", "server_ms")
_SHOWN = 50  # items that were pushed out


@dataclass(frozen=True)
class Tables:
    """Makes the tables of what is known."""

    field: Field
    runs: Mapping[Wanted, Run]
    asked: Mapping[Wanted, str]  # run -> question
    sources: Callable[[Wanted], tuple[str, str, str | None]]  # run -> its key, the command that repeats it, and its page in MLflow

    @cached_property
    def known(self) -> Known:
        return by_setup(self.runs)

    def all(self) -> "dict[str, pd.DataFrame]":
        """Return every table by its name."""
        import pandas as pd

        return {name: pd.DataFrame(list(getattr(self, f"_{name}")()), columns=list(columns)) for name, columns in COLUMNS.items()}

    @property
    def defenses(self) -> list[Choice]:
        """All defenses that ran, with their settings."""
        return list(dict.fromkeys(one.defense for one in self.known if not one.validation))

    def _runs(self) -> Iterator[Row]:
        for wanted, run in self.runs.items():
            setup, (key, command, page) = wanted.setup, self.sources(wanted)
            where = {**_names(setup), **self._share(setup), "kind": setup.kind, "seed": wanted.seed}
            exposed = {"ER@10": exposure_of(run), "peak": peak_of(run)} if setup.kind else {}
            hits = {"HR@10": quality(run), "NDCG@10": quality(run, "NDCG@10"), "diverged": "diverged" in run}
            times = {**{name: run.get(name) for name in _TIMES}, "seconds": run["seconds"]["total"]}
            yield {"key": key, "question": self.asked[wanted], **where, **exposed, **hits, **times, "command": command, "mlflow": page}

    def _exposure(self) -> Iterator[Row]:
        for attack, defense in measured_pairs(self.known):
            for number, values in curve_of(self.known, attack, defense).items():
                setup = promoted(attack, defense, number)
                peak = mean(map(peak_of, self.known[setup].values()))
                yield {**_names(setup), **self._share(setup), **self._over_seeds(values), "peak": peak}

    def _accounts(self) -> Iterator[Row]:
        for attack, defense in measured_pairs(self.known):
            curve = curve_of(self.known, attack, defense)
            was_searched = len(curve) > 1 or len(self.field.grid) == 1
            for level in self.field.levels if was_searched else ():
                yield {**_names(promoted(attack, defense, 0)), "level": level, **vars(answer(curve, level))}

    def _items(self) -> Iterator[Row]:
        for setup, runs in self.known.items():
            if not setup.kind or setup.target == UNPOPULAR:
                continue
            (item, title, interactions, rank), *_ = next(iter(runs.values()))["targets"]
            own = {"kind": setup.kind, "item": str(item), "title": title, "interactions": interactions, "rank": rank}
            yield {**_names(setup), **own, "accounts": setup.accounts, **self._over_seeds([exposure_of(run) for run in runs.values()])}

    def _pushed_out(self) -> Iterator[Row]:
        """Compare the lists of the first seed's strongest attack without a defense with those without it; the largest losses first."""
        free = self.known.get(unattacked(UNDEFENDED), {}).get(0, {}).get("seen")
        best = strongest(self.field, self.known, self.field.promoting, UNDEFENDED)[:1]
        attacked = next((self.known[promoted(attack, UNDEFENDED, self.field.limit)][0].get("seen") for attack in best), None)
        if not free or not attacked:
            return
        after = {item: share for item, _, _, share in attacked}
        lost = {row[0]: row[3] - after.get(row[0], 0.0) for row in free}
        for item, title, interactions, before in sorted(free, key=lambda row: (-lost[row[0]], row[0]))[:_SHOWN]:
            if lost[item] > 0:
                yield {"item": item, "title": title, "interactions": interactions, "before": before, "after": after.get(item, 0.0)}

    def _degradation(self) -> Iterator[Row]:
        for setup in self.known:
            hits = list(losses(self.known, setup).values())
            if setup.accounts and not setup.kind and not setup.validation and hits:
                lower, upper = interval(hits, -1.0, 1.0)
                told = {"seeds": len(hits), "hits": mean(hits), "lower": lower, "upper": upper}
                told["ndcg"] = mean(losses(self.known, setup, "NDCG@10").values())
                yield {**_names(setup), **self._share(setup), **told}

    def _price(self) -> Iterator[Row]:
        for defense in self.defenses:
            if runs := list(self.known.get(unattacked(defense), {}).values()):
                hits = [quality(run) for run in runs]
                lower, upper = share_interval(hits, self.field.users)
                told = {"HR@10": mean(hits), "lower": lower, "upper": upper, "NDCG@10": mean(quality(run, "NDCG@10") for run in runs)}
                lost = points(self.known, defense)
                times = {name: _mean([run[name] for run in runs if name in run]) for name in _TIMES}
                yield {"defense": defense.name, "settings": defense.settings, **told, "points": _mean(lost), **times}

    def _front(self) -> Iterator[Row]:
        found = standings(self.field, self.known, self.defenses)
        fair = compared(self.field, self.known, self.defenses)
        front, best = on_front(fair), final(self.field, self.known)
        for one in sorted(found, key=lambda one: (one.worst, one.points)):
            own = {"defense": one.defense.name, "settings": one.defense.settings, "points": one.points, "limit": self.field.limit}
            exposed = {"exposure": one.exposure, "by": one.by.text} if one.by else {}
            lost = {"degradation": one.degradation, "by_untargeted": one.by_untargeted.text} if one.by_untargeted else {}
            own["compared"] = one.defense in {other.defense for other in fair}
            yield {**own, **exposed, **lost, "on_front": one.defense in front, "recommended": one.defense == best != UNDEFENDED}

    def _share(self, setup: Setup) -> dict[str, Any]:
        return {"accounts": setup.accounts, "share": setup.accounts / self.field.users}

    def _over_seeds(self, values: Sequence[float]) -> dict[str, Any]:
        lower, upper = share_interval(values, self.field.users)
        return {"seeds": len(values), "mean": mean(values), "lower": lower, "upper": upper}


def _names(setup: Setup) -> dict[str, str]:
    return {"attack": setup.attack.text, "defense": setup.defense.name, "settings": setup.defense.settings}


def _mean(values: Sequence[float]) -> float | None:
    return mean(values) if values else None
