"""What an audit has found, in three sentences and a warning if it rests on one seed, and what its budget did not allow."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fedrec.auditing.audit_wording import Row, accounts_of, counted, known, level, percent, rows_of, worst_peak

if TYPE_CHECKING:
    import pandas as pd

_UNTRIED = "No attack was measured on any defense, so none is recommended"
_SWINGS = 0.05  # an exposure that is so much higher at another epoch is told
_WANTED = 0.2  # the level of the first sentence, or the nearest one that was asked for


def verdict(tables: "Mapping[str, pd.DataFrame]", users: int) -> list[str]:
    """Return how few accounts it takes, which defense is recommended at what price, what remains possible, and whether chance is known."""
    front, accounts = (rows_of(tables[name]) for name in ("front", "accounts"))
    best = next((row for row in front if row["recommended"]), next((row for row in front if row["defense"] == "none"), None))
    peak = worst_peak(tables["exposure"], best) if best else math.nan
    told = [_danger(accounts, users, shown_anyway(tables["runs"])), *_defense(front, best, peak), _rest(best)]
    return told if best is None else [*told, *_caution(tables["runs"], best)]


def shown_anyway(runs: "pd.DataFrame") -> float:
    """Return how many users see an unknown item without attack and defense, as the mean over seeds; 0 without a run that converged."""
    free = runs[(runs["attack"] == "none") & (runs["defense"] == "none") & runs["ER@10"].notna() & ~runs["diverged"].astype(bool)]
    return float(free["ER@10"].astype(float).mean()) if len(free) else 0.0


def _caution(runs: "pd.DataFrame", best: Row) -> list[str]:
    """Return a warning if what is said of a defense was measured with one seed."""
    own = runs[(runs["defense"] == best["defense"]) & (runs["settings"] == best["settings"]) & runs["accounts"].isin([0, best["limit"]])]
    seeds = own.groupby("attack")["seed"].nunique()
    told = {best["by"]: "the exposure", "none": "the price", best["by_untargeted"]: "the destroyed hits"}
    single = [what for attack, what in told.items() if seeds.get(attack) == 1]
    return [f"One seed was run: how far chance moves {' and '.join(single)} is not known."] if single else []


def _danger(accounts: Sequence[Row], users: int, anyway: float) -> str:
    """Say how few accounts reach a level without a defense. `anyway` is the share of the users who see the item without an attack."""
    free = [row for row in accounts if row["defense"] == "none"]
    if not free:
        return "How many fake accounts it takes to promote an item was not measured."
    asked = min((row["level"] for row in free), key=lambda one: abs(one - _WANTED))
    what = f"put an unknown item into the top 10 of {level(asked)} of the users"
    if anyway >= asked:
        return f"No fake account is needed to {what}: without attack and defense {percent(anyway)} see it."
    own = [row for row in free if row["level"] == asked]
    reached = [row for row in own if known(row["estimate"])]
    if not reached:
        return f"Without a defense, no attack {what}, with up to {_accounts(max(row['tried'] for row in own), users)}."
    least = min(reached, key=lambda row: row["estimate"])
    number = max(1, round(least["estimate"]))
    about = "only" if number == 1 else "at most" if least["at_most"] else "about"
    return f"Without a defense, it takes {about} {_accounts(number, users)} to {what} (attack {least['attack']})."


def _accounts(number: int, users: int) -> str:
    return f"{counted(number, 'fake account')} ({percent(number / users)} of the users)"


def _defense(front: Sequence[Row], best: Row | None, peak: float) -> list[str]:
    """Say what is recommended, what it costs, and what attacks reach at their peak if that is much more than around the best epoch."""
    if best is None:
        return ["Nothing was measured that tells whether a defense helps."]
    name, worst = _name(best), _worst(best)
    if known(best["by"]) and peak > best["exposure"] + _SWINGS:
        worst += f" ({percent(peak)} at the worst epoch)"
    others = [row for row in front if row["defense"] != "none" and (known(row["by"]) or known(row["by_untargeted"]))]
    unmet = [
        row for row in others if known(row["compared"]) and not row["compared"]
    ]  # of an audit that an earlier version wrote, this is not known
    if best["defense"] == "none":
        untried = _UNTRIED if len(front) > 1 else "No defense was asked for, so none is recommended"
        why = "No defense that was tried is better than none at a small price" if others else untried
        if unmet:
            met = "no defense that met all of them is better than none" if len(unmet) < len(others) else "none is recommended"
            why = f"{' and '.join(_name(row) for row in unmet)} did not meet all attacks, and {met}"
        return [f"{why}: with {accounts_of(best['limit'])}, {worst}."]
    free = next((row for row in front if row["defense"] == "none" and not row["settings"]), None)
    before = f", against {percent(free['exposure'])} without a defense" if free and known(free["by"]) else ""
    price = 100 * best["points"]
    costs = f"costs {price:.1f} points of HR@10 (hits)" if price >= 0.05 else "costs no hits"
    return [f"{name} is recommended: it {costs}, and with {accounts_of(best['limit'])} {worst}{before}."]


def _worst(row: Row) -> str:
    if not known(row["by"]):
        return "nothing that promotes items was tried"
    if percent(row["exposure"]) == percent(0):
        return "no attack that was tried shows the item to anybody"
    return f"the strongest attack ({row['by']}) shows the item to {percent(row['exposure'])} of the users"


def _rest(best: Row | None) -> str:
    """Say what attacks that promote nothing still destroy."""
    if best is None or not known(best["by_untargeted"]):
        return "How far fake accounts can spoil all recommendations was not measured."
    lost = percent(max(0.0, best["degradation"]))
    destroy = "destroy none" if lost == percent(0) else f"still destroy {lost}"
    where = "Behind the recommended defense" if best["defense"] != "none" else "Without a defense"
    limit = accounts_of(best["limit"])
    return f"{where}, {limit} that only spoil recommendations {destroy} of the hits (attack {best['by_untargeted']})."


def _name(row: Row) -> str:
    return str(row["defense"]) + (f" with {row['settings']}" if row["settings"] else "")


def left_out(cut: Mapping[str, int], failed: Mapping[str, str]) -> list[str]:
    """Return a sentence for each question that the budget cut short, and for each run that failed."""
    short = [f"The budget left out {counted(n, 'run')} or more that would show {title}." for title, n in cut.items()]
    return [*short, *(f"A run failed: {title}: {reason}" for title, reason in failed.items())]
