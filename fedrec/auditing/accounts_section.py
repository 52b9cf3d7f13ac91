"""How many accounts it takes."""

from collections.abc import Sequence

from fedrec.auditing.audit_curves import without_and_with
from fedrec.auditing.audit_result import AuditResult
from fedrec.auditing.audit_verdict import shown_anyway
from fedrec.auditing.audit_wording import (
    NOTHING,
    Row,
    accounts_of,
    bounded,
    count,
    holds,
    interval,
    known,
    level,
    name_of,
    named_attack,
    percent,
    rows_of,
)
from fedrec.auditing.grouped_runs import GroupedRuns
from fedrec.auditing.page_parts import NOT_MEASURED, Cell, Grid, Section

_TOLD = 0.2  # the level nearest to it is the one that the answer speaks of
_CAPTION = (
    "Fake accounts until the attacker's item is in the top 10 of this share of the users. 6 (5 to 8) means about 6: with 5 no run got "
    'there, with 8 all did. "Over 94": 94 accounts, the most that were tried, did not get there. "At most 20": 20 accounts, the fewest '
    "that were tried, got there."
)


def accounts_section(result: AuditResult, runs: GroupedRuns) -> Section:
    """Return the section."""
    rows = rows_of(result.accounts)
    parts = [*([_needed(rows, runs)] if rows else []), *([_curves(result, runs)] if len(result.exposure) else [])]
    return Section("accounts", "How many accounts does it take?", _answer(result, rows), parts)


def _answer(result: AuditResult, rows: Sequence[Row]) -> str:
    if not rows:
        return NOT_MEASURED
    asked = min((row["level"] for row in rows), key=lambda one: abs(one - _TOLD))
    if (anyway := shown_anyway(result.runs)) >= asked:
        return f"None: without attack and defense {percent(anyway)} of the users have such an item in their top 10."
    compared = without_and_with(result, [row for row in rows if row["level"] == asked])
    told = []
    for own in compared:
        where = "without a defense" if own[0]["defense"] == "none" else f"with {name_of(own[0])}"
        told.append(f"{where} {_enough(own, result.facts.get('users'))}")
    return f"To put one item into the top 10 of {level(asked)} of the users: {'; '.join(told)}." if told else NOT_MEASURED


def _enough(rows: Sequence[Row], users: int | None) -> str:
    """Return how many accounts the strongest of several attacks needs."""
    row = min((row for row in rows if known(row["estimate"])), key=lambda one: one["estimate"], default=None)
    if row is None:
        tried = max((row["tried"] for row in rows if known(row["tried"])), default=None)
        return f"not reached with {accounts_of(tried)}, the most that were tried" if tried else "not tried"
    number = max(1, round(row["estimate"]))
    share = f"{percent(number / users)} of the users" if users else ""
    bounds = [f"{words} with {count(row[name])}" for words, name in (("none", "least"), ("all", "most")) if known(row[name])]
    runs = f"runs that got there: {', '.join(bounds)}" if bounds and number > 1 else ""
    more = "; ".join(filter(None, [share, f"attack {row['attack']}", runs]))
    if holds(row["at_most"]) and number > 1:
        return f"at most {accounts_of(number)} are needed, the fewest that were tried ({more})"
    return f"{'' if holds(row['at_most']) else 'about '}{accounts_of(number)} {'is' if number == 1 else 'are'} enough ({more})"


def _needed(rows: Sequence[Row], runs: GroupedRuns) -> Grid:
    """Return a row for each defense and attack, those of a defense together, and a column for each level."""
    of_pair: dict[tuple[str, str], dict[float, Row]] = {}
    for row in rows:
        of_pair.setdefault((name_of(row), named_attack(row["attack"])), {})[row["level"]] = row
    defenses = list(dict.fromkeys(defense for defense, _ in of_pair))
    levels = sorted({row["level"] for row in rows})
    cells = [
        [Cell(pair[0], under=pair[1]), *(_interval(of_pair[pair].get(one), runs) for one in levels)]
        for pair in sorted(of_pair, key=lambda one: defenses.index(one[0]))
    ]
    heads = ["defense, attack", *(f"{level(one)} of users" for one in levels)]
    return Grid("accounts-needed", _CAPTION, heads, cells)


def _interval(row: Row | None, runs: GroupedRuns) -> Cell:
    if row is None:
        return Cell(NOTHING)
    number = next((row[one] for one in ("most", "least", "tried") if known(row[one])), None)
    return Cell(interval(row), runs.behind(row, accounts=number))


def _curves(result: AuditResult, runs: GroupedRuns) -> Grid:
    cells = [
        [
            Cell(name_of(row), under=named_attack(row["attack"])),
            *map(Cell, (count(row["accounts"]), percent(row["share"]))),
            Cell(bounded(row["mean"], row["lower"], row["upper"]), runs.behind(row)),
            Cell(percent(row["peak"]), runs.behind(row)),
            Cell(count(row["seeds"])),
        ]
        for row in rows_of(result.exposure)
    ]
    heads = ["defense, attack", "accounts", "share of users", "users who see the item", "at the peak", "seeds"]
    caption = (
        "Every number of accounts that was tried: the users who see the item, and in brackets where 90 % of runs with another seed would "
        "lie, if several seeds were run."
    )
    return Grid("curves", caption, heads, cells, 2, f"All {len(cells):,} measured points")
