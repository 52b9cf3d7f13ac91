"""What is drawn of an audit: without a defense, and with the one that is recommended, the strongest attack by its number of accounts."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fedrec.auditing.audit_result import AuditResult
from fedrec.auditing.audit_wording import (
    Row,
    accounts_of,
    as_settings,
    bounded,
    count,
    holds,
    known,
    name_of,
    named_attack,
    percent,
    rows_of,
)
from fedrec.auditing.line_charts import Line, LineChart, Point
from fedrec.auditing.seed_intervals import share_interval


def recommended(result: AuditResult) -> Row | None:
    """Return the row of the recommended defense in `front`; None if none is recommended."""
    return next((row for row in rows_of(result.front) if holds(row["recommended"])), None)


def without_and_with(result: AuditResult, rows: Sequence[Row]) -> list[list[Row]]:
    """Return the rows without a defense and those with the recommended one, as far as there are any."""
    best = recommended(result)
    wanted = [("none", ""), *([(best["defense"], as_settings(best["settings"]))] if best else [])]
    of_defense = {one: [row for row in rows if (row["defense"], as_settings(row["settings"])) == one] for one in wanted}
    return [found for found in of_defense.values() if found]


def strongest_curves(result: AuditResult, rows: Sequence[Row], value: str) -> list[list[Row]]:
    """Return for no defense and the recommended one the worst that any attack does with up to each number of accounts.

    It begins with what there is without an attack, if that was measured. Whoever has more accounts may leave some of them idle, so this
    never falls. `made_with` is the number that was used.
    """
    usable = [row for row in rows if known(row["accounts"]) and row["accounts"] > 0 and known(row[value])]
    curves = []
    for own in without_and_with(result, usable):
        curve = _unattacked(result, own[0], value)
        for number in sorted({row["accounts"] for row in own}):
            found = [*({**row, "made_with": number} for row in own if row["accounts"] == number), *curve[-1:]]
            found.sort(key=lambda row: (row[value], row["attack"] != "none", -row["made_with"], row["attack"]))
            curve.append({**found[-1], "accounts": number})
        curves.append(curve)
    return curves


def _unattacked(result: AuditResult, row: Row, value: str) -> list[Row]:
    """Return the point of a row's defense without an account: nothing is lost, and some users may see the item anyway."""
    own = {**row, "attack": "none", "accounts": 0, "made_with": 0}
    if value == "hits":
        return [{**own, "hits": 0.0, "lower": 0.0, "upper": 0.0}]
    runs = [one for one in rows_of(result.runs) if one["attack"] == "none" and name_of(one) == name_of(row) and known(one["ER@10"])]
    exposed = [float(one["ER@10"]) for one in runs if "dataset.validation=true" not in str(one["command"])]
    if not exposed:
        return []
    users = result.facts.get("users")
    lower, upper = share_interval(exposed, users) if users and len(exposed) > 1 else (None, None)
    return [{**own, "mean": sum(exposed) / len(exposed), "lower": lower, "upper": upper}]


def line_of(curve: Sequence[Row], value: str, what: str) -> Line:
    """Return a curve as a line; `what` follows a share where one points at it."""
    points = []
    for row in curve:
        idle = row["made_with"] != row["accounts"] and row["made_with"] > 0
        source = named_attack(row["attack"]) + f" with {count(row['made_with'])}" * idle
        told = f"{accounts_of(row['accounts'])}: {bounded(row[value], row['lower'], row['upper'])} {what} ({source})"
        points.append(replace(point_of(row["accounts"], row[value], row["lower"], row["upper"], told), source=source))
    attacks = {row["attack"] for row in curve} - {"none"}
    which = f"attack {attacks.pop()}" if len(attacks) == 1 else "strongest attack"
    return Line(f"{name_of(curve[0])}: {which}", points)


def point_of(x: float, y: float, lower: Any, upper: Any, told: str) -> Point:
    """Return a point with its bounds, if there are any."""
    return Point(x, y, told, lower, upper) if known(lower) and known(upper) else Point(x, y, told)


def in_words(lines: Sequence[Line]) -> str:
    """Return where lines begin and end, for people who do not see them."""
    return "; ".join(f"{line.label.replace(':', ',')}: {_ends(line)}" for line in lines)


def first_chart(result: AuditResult) -> LineChart:
    """Return the first picture of the page, accounts against exposure."""
    lines = [line_of(curve, "mean", "of the users see the item") for curve in strongest_curves(result, rows_of(result.exposure), "mean")]
    has_bands = any(one.lower is not None for line in lines for one in line.points)
    note = (
        "Shaded: where 90 % of runs with another seed would lie."
        if has_bands
        else "No band is drawn, because one seed does not show how far chance moves the lines."
    )
    users = result.facts.get("users")
    return LineChart(
        "exposure",
        "How many users see the pushed item, by the number of fake accounts",
        f"Share of the users who see the attacker's item, with up to so many fake accounts. {in_words(lines)}.",
        f"fake accounts, and their share of {count(users)} users",
        "% of users who see the item",
        lines,
        sorted({float(row["level"]) for row in rows_of(result.accounts)}),
        users,
        note=f"The strongest attack that was tried with up to so many accounts; at the left edge nobody attacks. {note} "
        "Dotted: the shares that this audit asks for.",
    )


def _ends(line: Line) -> str:
    first, last = line.points[0], line.points[-1]
    start = "" if first is last else f"from {percent(first.y)} with {accounts_of(first.x)} to "
    return f"{start}{percent(last.y)} with {accounts_of(last.x)}"
