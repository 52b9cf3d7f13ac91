"""Which items can be pushed, and which are pushed out."""

from collections.abc import Mapping, Sequence
from typing import Any

from fedrec.auditing.audit_curves import point_of
from fedrec.auditing.audit_result import AuditResult
from fedrec.auditing.audit_wording import NOTHING, Row, bounded, count, known, named_attack, named_defense, percent, points, rows_of
from fedrec.auditing.grouped_runs import GroupedRuns
from fedrec.auditing.line_charts import Line, LineChart
from fedrec.auditing.page_parts import NOT_MEASURED, Cell, Grid, Part, Section, numbers_of

_KINDS = ("cold", "tail", "mid", "head")
_MOST_LINES = 4
_MOST_LOSERS = 10  # items that are shown; audit.json has more
_ALIKE = 0.05  # exposures are not told apart that differ by less


def items_section(result: AuditResult, runs: GroupedRuns) -> Section:
    """Return the section."""
    pushed, lost = rows_of(result.items), rows_of(result.pushed_out)
    chart = _chart(pushed)
    parts: list[Part] = [chart, numbers_of(chart)] if len(chart.categories) > 1 else []
    parts += [_pushed(pushed, runs)] * bool(pushed) + [_pushed_out(lost)] * bool(lost)
    return Section("items", "Which items can be pushed, and which are pushed out?", _answer(pushed, lost), parts)


def _answer(pushed: Sequence[Row], lost: Sequence[Row]) -> str:
    told = []
    if kinds := _by_kind([row for row in pushed if row["defense"] == "none"]):
        easiest, hardest = (choose(kinds, key=lambda one: kinds[one][0]) for choose in (max, min))
        most, least = kinds[easiest][0], kinds[hardest][0]
        if most - least < _ALIKE:
            told.append(
                f"Without a defense, items of all kinds that were tried can be pushed alike, to about {percent(most)} of the users."
            )
        else:
            easy = f"Without a defense, {easiest} items are the easiest to push (to {percent(most)} of the users)"
            told.append(f"{easy}, and {hardest} items the hardest ({percent(least)}).")
    if losers := [row for row in lost if known(row["before"]) and known(row["after"])]:
        row = min(losers, key=lambda one: one["after"] - one["before"])
        seen = f"{percent(row['before'])} of the users see it without the attack, {percent(row['after'])} with it"
        told.append(f"What loses the most is {_item(row)}: {seen}.")
    return " ".join(told) or NOT_MEASURED


def _by_kind(rows: Sequence[Row]) -> dict[str, tuple[float, Any, Any]]:
    """Return mean, lower and upper of each kind of item, each as the mean over its items."""
    found = {}
    for kind in sorted({str(row["kind"]) for row in rows}, key=_place):
        mine = [row for row in rows if str(row["kind"]) == kind and known(row["mean"])]
        if mine:
            means = [[row[name] for row in mine if known(row[name])] for name in ("mean", "lower", "upper")]
            mean, lower, upper = (sum(ones) / len(ones) if ones else None for ones in means)
            found[kind] = (float(mean or 0), lower, upper)
    return found


def _place(kind: str) -> tuple[int, str]:
    return (_KINDS.index(kind) if kind in _KINDS else len(_KINDS)), kind


def _chart(rows: Sequence[Row]) -> LineChart:
    defenses = list(dict.fromkeys(row["defense"] for row in rows))[:_MOST_LINES]
    of_defense = {name: _by_kind([row for row in rows if row["defense"] == name]) for name in defenses}
    kinds = sorted({kind for found in of_defense.values() for kind in found}, key=_place)
    lines = [_line(name, found, kinds) for name, found in of_defense.items() if found]
    told = "; ".join(f"{line.label}: {', '.join(f'{kinds[int(one.x)]} {percent(one.y)}' for one in line.points)}" for line in lines)
    return LineChart(
        "kinds",
        "Who sees the pushed item, by how well it was known before",
        f"Share of the users who see the pushed item, by its popularity. {told}.",
        "from hardly known to best known items",
        "% of users who see the item",
        lines,
        categories=kinds,
    )


def _line(defense: str, found: Mapping[str, tuple[float, Any, Any]], kinds: Sequence[str]) -> Line:
    ends = [(kind, values, f"{kind} items: {bounded(*values)} of the users see them") for kind, values in found.items()]
    return Line(named_defense(defense), [point_of(kinds.index(kind), *values, told) for kind, values, told in ends])


def _pushed(rows: Sequence[Row], runs: GroupedRuns) -> Grid:
    cells = [
        [
            *map(Cell, (_item(row), str(row["kind"]), count(row["interactions"]), count(row["rank"]))),
            *map(Cell, (named_defense(row["defense"]), named_attack(row["attack"]), count(row["accounts"]))),
            Cell(bounded(row["mean"], row["lower"], row["upper"]), runs.behind(row)),
        ]
        for row in rows
    ]
    heads = ["item", "kind", "interactions", "popularity rank", "defense", "attack", "accounts", "users who see it"]
    return Grid("pushed", "Items that were pushed, with the bounds of a run with another seed (90 %).", heads, cells)


def _pushed_out(rows: Sequence[Row]) -> Grid:
    cells = [
        [*map(Cell, (_item(row), count(row["interactions"]), percent(row["before"]), percent(row["after"]), _change(row)))]
        for row in rows[:_MOST_LOSERS]
    ]
    caption = (
        "Items that lose the most under the strongest attack without a defense: the users who see them in their top 10 without and with "
        f"the attack, and the difference in points.{' audit.json has more of them.' * (len(rows) > _MOST_LOSERS)}"
    )
    return Grid("pushed-out", caption, ["item", "interactions", "before", "after", "points"], cells)


def _item(row: Row) -> str:
    name = row["item"]
    told = f"item {int(name) if isinstance(name, float) and name.is_integer() else name}"
    return f"{row['title']}, {told}" if known(row["title"]) else told


def _change(row: Row) -> str:
    if not (known(row["before"]) and known(row["after"])):
        return NOTHING
    change = row["after"] - row["before"]
    return f"{'+' * (change > 0)}{points(change)}"
