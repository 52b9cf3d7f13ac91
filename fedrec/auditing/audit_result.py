"""What an audit has found, as tables: what the page shows, what `audit.json` holds, and what `fedrec.audit` returns.

Shares lie in [0, 1]. ER@10 is the share of the users who see the target in their top 10, as the mean around the best epoch (`near_best`).
The bounds `lower` and `upper` are those in which a run with another seed lies with a probability of 90 %.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

COLUMNS: Mapping[str, tuple[str, ...]] = {  # of each table
    # a row a run; `settings` are overrides of the defense, `kind` that of the target; ms are milliseconds a round; `mlflow` is an address
    "runs": (
        *("key", "question", "attack", "defense", "settings", "accounts", "share", "kind", "seed"),
        *("ER@10", "peak", "HR@10", "NDCG@10", "diverged", "client_ms", "server_ms", "seconds", "command", "mlflow"),
    ),
    "exposure": ("attack", "defense", "settings", "accounts", "share", "seeds", "mean", "lower", "upper", "peak"),
    # accounts until ER@10 reaches a level: no seed reached it with `least`, all seeds with `most`; NaN: there is no such number. Where
    # `at_most` is true, the smallest number that was tried reaches the level, and `estimate` is that number, an upper bound
    "accounts": ("attack", "defense", "settings", "level", "least", "estimate", "most", "tried", "at_most"),
    "items": ("attack", "defense", "kind", "item", "title", "interactions", "rank", "accounts", "mean", "lower", "upper"),
    "pushed_out": ("item", "title", "interactions", "before", "after"),  # shares of the users who see an item without and with the attack
    "degradation": ("attack", "defense", "settings", "accounts", "share", "seeds", "hits", "lower", "upper", "ndcg"),  # shares lost
    "price": ("defense", "settings", "HR@10", "lower", "upper", "NDCG@10", "points", "client_ms", "server_ms"),  # points of HR@10 lost
    # the worst case of each defense over all attacks that were tried on it; `limit` is the number of accounts that was allowed.
    # `compared`: it met every attack that counts, so that it may be on the front and be recommended
    "front": (
        *(
            "defense",
            "settings",
            "exposure",
            "by",
            "degradation",
            "by_untargeted",
            "points",
            "compared",
            "on_front",
            "recommended",
            "limit",
        ),
    ),
}


@dataclass(frozen=True)
class AuditResult:
    """The tables of an audit; `COLUMNS` names their columns. An empty table is a question that was not asked or not reached."""

    facts: Mapping[str, Any]  # dataset, users, items, interactions, model, attacks, defenses, seeds, epochs, command, version, machine,
    # date, seconds, budget (seconds or None), quick; source: where the data come from; mlflow: the command that shows the runs; all of
    # them texts, numbers, or lists of texts
    verdict: list[str]  # three sentences, and a warning if one seed was run
    left_out: list[str]  # sentences on what the budget did not allow
    runs: "pd.DataFrame"
    exposure: "pd.DataFrame"
    accounts: "pd.DataFrame"
    items: "pd.DataFrame"
    pushed_out: "pd.DataFrame"
    degradation: "pd.DataFrame"
    price: "pd.DataFrame"
    front: "pd.DataFrame"

    def to_json(self) -> dict[str, Any]:
        """Return all of it as JSON, to the last bit; a number that does not exist is null."""
        tables = {name: [*map(_without_nan, getattr(self, name).to_dict("records"))] for name in COLUMNS}
        return {"facts": dict(self.facts), "verdict": self.verdict, "left_out": self.left_out, **tables}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "AuditResult":
        """Return what `to_json` told. Raises KeyError if something is missing, and TypeError if it is of another kind."""
        import pandas as pd

        for name, kind in (("facts", dict), ("verdict", list), ("left_out", list)):
            if not isinstance(told[name], kind):
                raise TypeError(f"{name} is a {type(told[name]).__name__}")
        tables: dict[str, Any] = {name: pd.DataFrame(told[name], columns=list(columns)) for name, columns in COLUMNS.items()}
        for name in ("accounts", "share", "seeds", "mean", "lower", "upper"):  # of what the gate compares
            tables["exposure"][name] = pd.to_numeric(tables["exposure"][name])
        return cls(**{one.name: told[one.name] for one in fields(cls) if one.name not in tables}, **tables)


def _without_nan(row: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: getattr(value, "item", lambda value=value: value)() for name, value in row.items()}  # numpy's numbers are Python's
    return {name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in plain.items()}
