"""How far recommendations can be spoiled."""

from collections.abc import Sequence

from fedrec.auditing.audit_curves import in_words, line_of, strongest_curves
from fedrec.auditing.audit_result import AuditResult
from fedrec.auditing.audit_wording import NOTHING, Row, accounts_of, bounded, count, known, name_of, named_attack, percent, rows_of
from fedrec.auditing.grouped_runs import GroupedRuns
from fedrec.auditing.line_charts import LineChart
from fedrec.auditing.page_parts import NOT_MEASURED, Cell, Grid, Part, Section, numbers_of


def degradation_section(result: AuditResult, runs: GroupedRuns) -> Section:
    """Return the section."""
    question = "How far can recommendations be spoiled?"
    rows = [row for row in rows_of(result.degradation) if known(row["hits"]) and known(row["accounts"])]
    if not rows:
        return Section("degradation", question, NOT_MEASURED)
    curves = strongest_curves(result, rows, "hits")
    chart = _chart(curves, result.facts.get("users"))
    parts: list[Part] = [_worst_of_each(rows, runs), _everything(rows, runs)]
    return Section("degradation", question, _answer(curves), [chart, numbers_of(chart), *parts] if curves else parts)


def _answer(curves: Sequence[Sequence[Row]]) -> str:
    told = []
    for curve in curves:
        row = max(curve, key=lambda one: one["hits"])
        where = "without a defense" if row["defense"] == "none" else f"with {name_of(row)}"
        lost = f"destroys {bounded(row['hits'], row['lower'], row['upper'])} of the hits"
        worst = f"the worst attack, {row['attack']} with {accounts_of(row['made_with'])}, {lost}"
        told.append(f"{where} {worst if row['hits'] > 0 else 'no attack destroys any hits'}")
    text = "; ".join(told)
    return f"{text[0].upper()}{text[1:]}." if told else NOT_MEASURED


def _chart(curves: Sequence[Sequence[Row]], users: int | None) -> LineChart:
    lines = [line_of(curve, "hits", "of the hits lost") for curve in curves]
    return LineChart(
        "degradation",
        "What share of the hits an untargeted attack destroys",
        f"Share of HR@10 lost, against the number of fake accounts. {in_words(lines)}.",
        f"fake accounts, and their share of {count(users)} users",
        "% of hits lost",
        lines,
        users=users,
    )


def _worst_of_each(rows: Sequence[Row], runs: GroupedRuns) -> Grid:
    """Return defenses against untargeted attacks, each with the largest number of accounts that was tried."""
    largest: dict[str, dict[str, Row]] = {name_of(row): {} for row in rows}
    for row in sorted(rows, key=lambda one: one["accounts"]):
        largest[name_of(row)][row["attack"]] = row
    attacks = list(dict.fromkeys(row["attack"] for row in rows))
    most = max(row["accounts"] for row in rows)
    cells = [[Cell(name), *(_lost(of_attack.get(attack), most, runs) for attack in attacks)] for name, of_attack in largest.items()]
    caption = f"Share of the hits that each attack destroys with {accounts_of(most)}, unless another number is given."
    return Grid("spoiled", caption, ["defense", *map(named_attack, attacks)], cells)


def _lost(row: Row | None, most: float, runs: GroupedRuns) -> Cell:
    if row is None:
        return Cell(NOTHING)
    other = "" if row["accounts"] == most else f", {accounts_of(row['accounts'])}"
    return Cell(bounded(row["hits"], row["lower"], row["upper"]) + other, runs.behind(row))


def _everything(rows: Sequence[Row], runs: GroupedRuns) -> Grid:
    cells = [
        [
            Cell(name_of(row), under=named_attack(row["attack"])),
            *map(Cell, (count(row["accounts"]), percent(row["share"]))),
            Cell(bounded(row["hits"], row["lower"], row["upper"]), runs.behind(row)),
            Cell(percent(row["ndcg"]), runs.behind(row)),
            Cell(count(row["seeds"])),
        ]
        for row in rows
    ]
    caption = "Shares of the hits and of NDCG@10 that are lost against the same training without the attack; below zero some are gained."
    heads = ["defense, attack", "accounts", "share of users", "hits lost", "NDCG lost", "seeds"]
    return Grid("degradations", caption, heads, cells, 2, f"All {len(cells):,} measured points")
