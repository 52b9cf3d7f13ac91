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
    percent,
    rows_of,
)
from fedrec.auditing.line_charts import Line, LineChart, Point


def recommended(result: AuditResult) -> Row | None:
    """Return the row of the recommended defense in `front`; None if nothing is recommended."""
    return next((row for row in rows_of(result.front) if holds(row["recommended"])), None)


def without_and_with(result: AuditResult, rows: Sequence[Row]) -> list[list[Row]]:
    """Return the rows without a defense and those with the recommended one, as far as there are any."""
    best = recommended(result)
    wanted = [("none", ""), *([(best["defense"], as_settings(best["settings"]))] if best else [])]
    of_defense = {one: [row for row in rows if (row["defense"], as_settings(row["settings"])) == one] for one in wanted}
    return [found for found in of_defense.values() if found]


def strongest_curves(result: AuditResult, rows: Sequence[Row], value: str) -> list[list[Row]]:
    """Return for no defense and the recommended one the worst that any attack does with up to each number of accounts.

    Whoever has more accounts may leave some of them idle, so this never falls. `made_with` is the number that was used.
    """
    usable = [row for row in rows if known(row["accounts"]) and row["accounts"] > 0 and known(row[value])]
    curves = []
    for own in without_and_with(result, usable):
        curve: list[Row] = []
        for number in sorted({row["accounts"] for row in own}):
            found = [*({**row, "made_with": number} for row in own if row["accounts"] == number), *curve[-1:]]
            curve.append({**max(reversed(found), key=lambda row: row[value]), "accounts": number})
        curves.append(curve)
    return curves


def line_of(curve: Sequence[Row], value: str, what: str) -> Line:
    """Return a curve as a line; `what` follows a share where one points at it."""
    points = []
    for row in curve:
        source = row["attack"] + f" with {count(row['made_with'])}" * (row["made_with"] != row["accounts"])
        told = f"{accounts_of(row['accounts'])}: {bounded(row[value], row['lower'], row['upper'])} {what} ({source})"
        points.append(replace(point_of(row["accounts"], row[value], row["lower"], row["upper"], told), source=source))
    which = f"attack {curve[0]['attack']}" if len({row["attack"] for row in curve}) == 1 else "strongest attack"
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
    note = "Shaded: where 90 % of runs with another seed would lie." if has_bands else "How far chance moves the lines is not known."
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
        note=f"The strongest attack that was tried with up to so many accounts. {note} Dotted: the shares that this audit asks for.",
    )


def _ends(line: Line) -> str:
    first, last = line.points[0], line.points[-1]
    start = "" if first is last else f"from {percent(first.y)} with {accounts_of(first.x)} to "
    return f"{start}{percent(last.y)} with {accounts_of(last.x)}"
