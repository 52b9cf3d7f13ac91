"""What protection costs, what is recommended, and what remains possible."""

from collections.abc import Sequence

from fedrec.auditing.audit_curves import recommended
from fedrec.auditing.audit_result import AuditResult
from fedrec.auditing.audit_wording import (
    NOTHING,
    Row,
    accounts_of,
    as_settings,
    bounded,
    fixed,
    holds,
    known,
    milliseconds,
    name_of,
    named_attack,
    named_defense,
    percent,
    points,
    rows_of,
    worst_peak,
)
from fedrec.auditing.grouped_runs import GroupedRuns
from fedrec.auditing.mark_charts import Mark, MarkChart
from fedrec.auditing.page_parts import NOT_MEASURED, Cell, Grid, Part, Section

_POPULAR = "head"  # kind of items
_EXPLAINED = (
    "Below and to the left is better. Filled marks are on the Pareto front: no other defense is better in both. "
    "A defense that did not meet all attacks is not compared with the others."
)


def price_section(result: AuditResult, runs: GroupedRuns) -> Section:
    """Return the section on the price of protection."""
    rows = rows_of(result.price)
    cells = []
    for row in rows:
        anchor = runs.behind({**row, "attack": "none"}, accounts=None)
        told = bounded(row["HR@10"], row["lower"], row["upper"]), percent(row["NDCG@10"]), points(row["points"])
        times = milliseconds(row["client_ms"]), milliseconds(row["server_ms"])
        cells.append([Cell(name_of(row)), *(Cell(text, anchor) for text in (*told, *times))])
    caption = (
        "Each defense without an attack: hits with the bounds of a run with another seed (90 %), what is lost (below zero: gained), and "
        "the time of a round."
    )
    heads = ["defense", "HR@10", "NDCG@10", "points of HR@10 lost", "clients, ms a round", "server, ms a round"]
    parts = [Grid("prices", caption, heads, cells)] if rows else []
    return Section("price", "What does protection cost?", _price_answer(result, rows), parts)


def _price_answer(result: AuditResult, rows: Sequence[Row]) -> str:
    best = recommended(result)
    usable = {name_of(row): row for row in rows if known(row["points"])}
    none = usable.pop(named_defense("none"), None)
    if not usable:
        return NOT_MEASURED
    row = usable.get(name_of(best)) if best else None
    which = name_of(row) if row else ""
    if row is None:
        row = min(usable.values(), key=lambda one: one["points"])
        which = f"the cheapest defense, {name_of(row)},"
    cost = f"{points(row['points'])} points of HR@10" if row["points"] > 0 else "no hits"
    slower = ""
    if none and known(none["server_ms"]) and known(row["server_ms"]):
        slower = f", and a round takes {milliseconds(row['server_ms'])} ms on the server in place of {milliseconds(none['server_ms'])} ms"
    found = bounded(row["HR@10"], row["lower"], row["upper"])
    return f"Without any attack {which} costs {cost}: {found} of the users find their hidden item{slower}."


def recommendation_section(result: AuditResult, runs: GroupedRuns) -> Section:
    """Return the section on the recommended defense and on all others."""
    rows = sorted(rows_of(result.front), key=lambda row: (not holds(row["recommended"]), not holds(row["on_front"])))
    chart = _chart([row for row in rows if known(row["points"]) and known(row["exposure"])])
    parts: list[Part] = [chart, _EXPLAINED] if chart.marks else []
    parts += [_worst_cases(result, rows, runs)] * bool(rows)
    return Section("recommendation", "What do we recommend, and what remains possible?", _recommendation(result), parts)


def _recommendation(result: AuditResult) -> str:
    best = recommended(result)
    if best is None:
        return (
            "None of the defenses that were tried is recommended."
            if len(result.front)
            else "Too little was measured to recommend a defense."
        )
    told = []
    if known(best["exposure"]) and percent(best["exposure"]) == percent(0):
        told.append("no attack that was tried shows its item to anybody")
    elif known(best["exposure"]):
        told.append(f"the attack {best['by']} still shows its item to {percent(best['exposure'])} of the users")
    if known(best["degradation"]):
        told.append(f"{best['by_untargeted']} destroys {percent(max(0.0, best['degradation']))} of the hits")
    limit = f" with up to {accounts_of(best['limit'])}" if known(best["limit"]) else ""
    worst = f": {' and '.join(told)}{limit}, the worst that we found for an unknown item" if told else limit
    return f"We recommend {name_of(best)}{worst}.{_of_other_items(result, best)}"


def _of_other_items(result: AuditResult, best: Row) -> str:
    """Return a sentence on the item that the recommended defense protects worst, if it is not the one that is judged.

    People see popular items anyway.
    """
    tried = rows_of(result.items) if not best["settings"] else []
    own = [row for row in tried if row["defense"] == best["defense"] and row["kind"] != _POPULAR]
    worst = max(own, key=lambda row: row["mean"], default=None)
    if worst is None or not known(best["exposure"]) or worst["mean"] <= best["exposure"]:
        return ""
    name, shown = worst["title"] or f"item {worst['item']}", percent(worst["mean"])
    return f" Of other items that are not popular, {name} is shown to {shown} (attack {worst['attack']})."


def _chart(rows: Sequence[Row]) -> MarkChart:
    marks = [Mark(name_of(row), 100 * row["points"], row["exposure"], holds(row["on_front"]), holds(row["recommended"])) for row in rows]
    told = "; ".join(f"{mark.label}: costs {fixed(mark.x, 1)} points, lets the item through to {percent(mark.y)}" for mark in marks)
    return MarkChart(
        "front",
        "What each defense costs, and what it lets through",
        f"Points of HR@10 lost without an attack, against the largest share of users who see the item. {told}.",
        "points of HR@10 lost without an attack",
        "% of users who see the item",
        marks,
    )


def _worst_cases(result: AuditResult, rows: Sequence[Row], runs: GroupedRuns) -> Grid:
    cells = [
        [
            Cell(named_defense(row["defense"]) + ", recommended" * holds(row["recommended"])),
            Cell(as_settings(row["settings"]) or "defaults", is_code=bool(as_settings(row["settings"]))),
            *_worst(row, "exposure", "by", runs),
            Cell(percent(worst_peak(result.exposure, row))),
            *_worst(row, "degradation", "by_untargeted", runs),
            Cell(points(row["points"]), runs.behind({**row, "attack": "none"}, accounts=None)),
            Cell("yes" if holds(row["on_front"]) else "not compared" if known(row["compared"]) and not row["compared"] else "no"),
        ]
        for row in rows
    ]
    most = max((row["limit"] for row in rows if known(row["limit"])), default=None)
    limit = f" with up to {accounts_of(most)}" if most else ""
    caption = (
        f"The worst case of each defense over all attacks tried on it{limit}, and its price without an attack. An exposure counts as the "
        "mean around the best epoch; how many users see the item at any epoch, by whichever attack, stands beside it."
    )
    heads = ["defense", "settings", "users who see the item", "by attack", "at any epoch", "hits lost", "by attack"]
    heads += ["points of HR@10 lost", "Pareto front"]
    return Grid("worst-cases", caption, heads, cells)


def _worst(row: Row, value: str, by: str, runs: GroupedRuns) -> tuple[Cell, Cell]:
    """Return the worst case and its attack. The runs are those at the limit, or with the most accounts if there are none."""
    of_attack = {**row, "attack": row[by]}
    anchor = runs.behind(of_attack, accounts=row["limit"]) or runs.behind(of_attack, accounts=None)
    return Cell(percent(row[value]), anchor), Cell(named_attack(row[by]) if known(row[by]) else NOTHING)
