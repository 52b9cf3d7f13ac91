"""What an audit has found, in three sentences, and what its budget did not allow."""

from collections.abc import Mapping, Sequence
from math import isnan
from typing import TYPE_CHECKING

from fedrec.auditing.audit_wording import Row, rows_of

if TYPE_CHECKING:
    import pandas as pd

_UNTRIED = "No attack was measured on any defense, so none is recommended"
_WANTED = 0.2  # the level of the first sentence, or the nearest one that was asked for


def verdict(tables: "Mapping[str, pd.DataFrame]", users: int) -> list[str]:
    """Return how few accounts it takes, which defense is recommended at what price, and what remains possible."""
    front, accounts = (rows_of(tables[name]) for name in ("front", "accounts"))
    best = next((row for row in front if row["recommended"]), None)
    return [_danger(accounts, users, shown_anyway(tables["runs"])), *_defense(front, best), _rest(best)]


def shown_anyway(runs: "pd.DataFrame") -> float:
    """Return how many users see an unknown item without attack and defense, as the mean over seeds; 0 without a run that converged."""
    free = runs[(runs["attack"] == "none") & (runs["defense"] == "none") & runs["ER@10"].notna() & ~runs["diverged"].astype(bool)]
    return float(free["ER@10"].astype(float).mean()) if len(free) else 0.0


def _danger(accounts: Sequence[Row], users: int, anyway: float) -> str:
    """Say how few accounts reach a level without a defense. `anyway` is the share of the users who see the item without an attack."""
    free = [row for row in accounts if row["defense"] == "none"]
    if not free:
        return "How many fake accounts it takes to promote an item was not measured."
    level = min((row["level"] for row in free), key=lambda one: abs(one - _WANTED))
    if anyway >= level:
        told = f"No fake account is needed to put an unknown item into the top 10 of {_percent(level)} of the users"
        return f"{told}: without attack and defense {_percent(anyway)} see it."
    own = [row for row in free if row["level"] == level]
    reached = [row for row in own if not isnan(row["estimate"])]
    if not reached:
        tried = max(row["tried"] for row in own)
        told = f"an unknown item into the top 10 of {_percent(level)} of the users"
        return f"Without a defense, no attack put {told}, with up to {_accounts(tried, users)}."
    least = min(reached, key=lambda row: row["estimate"])
    number = max(1, round(least["estimate"]))
    told = f"put an unknown item into the top 10 of {_percent(level)} of the users ({least['attack']})"
    return f"Without a defense, it takes about {_accounts(number, users)} to {told}."


def _defense(front: Sequence[Row], best: Row | None) -> list[str]:
    """Say what is recommended, and what it costs."""
    if best is None:
        return ["Nothing was measured that tells whether a defense helps."]
    name, worst = _name(best), _worst(best)
    others = [row for row in front if row["defense"] != "none" and (isinstance(row["by"], str) or isinstance(row["by_untargeted"], str))]
    if best["defense"] == "none":
        untried = _UNTRIED if len(front) > 1 else "No defense was asked for, so none is recommended"
        why = "No defense that was tried is better than none at a small price" if others else untried
        return [f"{why}: with {best['limit']} accounts, {worst}."]
    free = next((row for row in front if row["defense"] == "none" and not row["settings"]), None)
    before = f", against {_percent(free['exposure'])} without a defense" if free and isinstance(free["by"], str) else ""
    price = 100 * best["points"]
    costs = f"costs {price:.1f} points of HR@10" if price >= 0.05 else "costs no hits"
    return [f"{name} is recommended: it {costs}, and with {best['limit']} accounts {worst}{before}."]


def _worst(row: Row) -> str:
    if not isinstance(row["by"], str):
        return "nothing that promotes items was tried"
    return f"the strongest attack ({row['by']}) shows the item to {_percent(row['exposure'])} of the users"


def _rest(best: Row | None) -> str:
    """Say what attacks that promote nothing still destroy."""
    if best is None or not isinstance(best["by_untargeted"], str):
        return "What attacks destroy that promote nothing was not measured."
    lost = max(0.0, best["degradation"])
    what = "the recommended defense" if best["defense"] != "none" else "no defense"
    return f"With {what}, {best['limit']} accounts that promote nothing still take {_percent(lost)} of the hits ({best['by_untargeted']})."


def _name(row: Row) -> str:
    return str(row["defense"]) + (f" with {row['settings']}" if row["settings"] else "")


def _percent(share: float) -> str:
    """
    Return a share in percent, with a decimal below 10 %.

    >>> _percent(0.0123), _percent(0.05), _percent(0.504)
    ('1.2 %', '5 %', '50 %')
    """
    return f"{100 * share:.{1 if share < 0.0995 else 0}f}".removesuffix(".0") + " %"


def _accounts(number: int, users: int) -> str:
    return f"{number} fake account{'s' * (number != 1)} ({_percent(number / users)} of the users)"


def left_out(cut: Mapping[str, int], failed: Mapping[str, str]) -> list[str]:
    """Return a sentence for each question that the budget cut short, and for each run that failed."""
    short = [f"The budget left out {n} run{'s' * (n != 1)} or more that would show {title}." for title, n in cut.items()]
    return [*short, *(f"A run failed: {title}: {reason}" for title, reason in failed.items())]
