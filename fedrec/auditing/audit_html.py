"""An audit as one HTML file that opens offline. Whatever data sets, items or commands are called stays text."""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from fedrec.auditing.audit_charts import Chart, as_svg
from fedrec.auditing.audit_curves import first_chart
from fedrec.auditing.audit_result import AuditResult
from fedrec.auditing.audit_sections import about, title_of
from fedrec.auditing.audit_wording import NOTHING, Row, count, duration, holds, known, percent
from fedrec.auditing.grouped_runs import GroupedRuns, Key, group_title
from fedrec.auditing.line_charts import LineChart
from fedrec.auditing.mark_charts import MarkChart
from fedrec.auditing.page_parts import Cell, Grid, Heading, Part, Section, Terms, numbers_of
from fedrec.auditing.page_style import SCRIPT, STYLE

_WIDE, _NARROW = (760, 400), (358, 300)  # pixels of a picture on a wide and on a narrow screen
_RUN_HEADS = ("seed", "question", "target", "ER@10", "peak", "HR@10", "NDCG@10", "seconds", "MLflow", "command")
_PAGES = ("http://", "https://")
_TEXTS = (
    "item",
    "attack",
    "defense",
    "fact",
    "what it does",
    "value",
    "line",
    "settings",
    "command",
    "kind",
    "question",
    "target",
    "by attack",
    "MLflow",
)
_NUMBERLESS = ("Pareto front", "defense, attack", "seed", "kind of item", *_TEXTS)


def as_html_page(result: AuditResult, parts: Sequence[Section], runs: GroupedRuns) -> str:
    """Return the page."""
    title = escape(title_of(result))
    chart = first_chart(result)
    verdict = "\n".join(f"<p>{_text(sentence)}</p>" for sentence in result.verdict) or "<p>Too little was measured for a verdict.</p>"
    links = [*((section.name, section.question) for section in parts), ("runs", "Which runs are behind it?")]
    listed = "".join(f'<li><a href="#{name}">{escape(question)}</a></li>' for name, question in links)
    picture = (
        f"{_figure(chart)}\n{_part(numbers_of(chart))}"
        if chart.lines
        else "<p>How many users a number of accounts reaches was not measured in this audit.</p>"
    )
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    body = "\n".join(map(_section, parts))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{STYLE}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the sections</a>
<header>
<h1>{title}</h1>
<p class="about">{escape(about(result))}</p>
<div class="first">
<div class="verdict" id="verdict">
{verdict}
</div>
<div id="picture">
{picture}
</div>
</div>
<nav aria-label="Sections"><ul>{listed}</ul></nav>
</header>
<main id="main" tabindex="-1">
{body}
{_runs(result, runs)}
</main>
<footer>Made by fedrec {escape(count(result.facts.get("version")))}. audit.json beside this page holds every number.</footer>
<script>{SCRIPT}</script>
</body>
</html>
"""


def _text(text: str) -> str:
    """Return a text as HTML; no line ends between a number and its percent sign."""
    return escape(text).replace(" %", "\N{NO-BREAK SPACE}%")


def _section(section: Section) -> str:
    parts = "\n".join(map(_part, section.parts))
    return (
        f'<section id="{section.name}" aria-labelledby="{section.name}-question">\n<h2 id="{section.name}-question">'
        f'{escape(section.question)}</h2>\n<p class="answer">{_text(section.answer)}</p>\n{parts}\n</section>'
    )


def _part(part: Part) -> str:
    match part:
        case str():
            return f"<p>{_text(part)}</p>"
        case Heading():
            return f"<h3>{escape(part.text)}</h3>"
        case list():
            return f"<ul>{''.join(f'<li>{_text(one)}</li>' for one in part)}</ul>"
        case Terms():
            return f"<dl>{''.join(f'<dt>{escape(term)}</dt><dd>{_text(meaning)}</dd>' for term, meaning in part.terms)}</dl>"
        case Grid():
            table = _grid(part)
            return f"<details><summary>{escape(part.folded)}</summary>\n{table}\n</details>" if part.folded else table
        case LineChart() | MarkChart():
            return _figure(part)


def _figure(chart: Chart) -> str:
    drawn = (as_svg(chart, *size).replace("<svg ", f'<svg class="{name}" ', 1) for name, size in (("wide", _WIDE), ("narrow", _NARROW)))
    note = f'\n<p class="note">{_text(chart.note)}</p>' if isinstance(chart, LineChart) and chart.note else ""
    return f"<figure>\n<figcaption>{escape(chart.title)}</figcaption>\n{''.join(drawn)}{note}\n</figure>"


def _grid(table: Grid) -> str:
    kinds = ["" if head in _NUMBERLESS else "number" for head in table.heads]
    kinds = [
        "item" if head == "item" else "text" if head in ("what it does", "value") else kind
        for head, kind in zip(table.heads, kinds, strict=True)
    ]
    rows = "\n".join(
        f"<tr>{''.join(_cell(cell, kind, place < table.keys) for place, (cell, kind) in enumerate(zip(row, kinds, strict=True)))}</tr>"
        for row in table.rows
    )
    heads = "".join(f'<th scope="col"{_classed(kind)}>{escape(head)}</th>' for head, kind in zip(table.heads, kinds, strict=True))
    return _scrolling(table.name, table.caption, f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody>")


def _scrolling(name: str, caption: str, content: str) -> str:
    """Return a table in a box that scrolls by itself where it is too wide, by keyboard, too."""
    return (
        f'<div class="scroll" role="region" aria-labelledby="{name}-caption" tabindex="0">\n<table id="{name}">\n'
        f'<caption><span id="{name}-caption">{_text(caption)}</span></caption>\n{content}\n</table>\n</div>'
    )


def _classed(kind: str) -> str:
    return f' class="{kind}"' if kind else ""


def _cell(cell: Cell, kind: str, is_key: bool) -> str:
    text = f"<code>{escape(cell.text)}</code>" if cell.is_code else escape(cell.text)
    text = f'<span class="over">{text}</span> <span class="under">{escape(cell.under)}</span>' if cell.under else text
    text = f'<a href="#{cell.runs}">{text}</a>' if cell.runs else text
    return f'<th scope="row"{_classed(kind)}>{text}</th>' if is_key else f"<td{_classed(kind)}>{text}</td>"


def _runs(result: AuditResult, runs: GroupedRuns) -> str:
    """Return the table of all runs, those that differ in the seed together."""
    shown = [head for head in _RUN_HEADS if head != "MLflow" or result.runs["mlflow"].notna().any()]
    heads = "".join(f'<th scope="col"{_classed("" if head in _NUMBERLESS else "number")}>{head}</th>' for head in shown)
    groups = "\n".join(_group(key, rows, runs.anchors[key], shown) for key, rows in runs.groups.items())
    caption = (
        "Every run, in groups that differ in the seed or in the target. The command repeats a run, in the "
        "folder in which the audit was started; a number above leads to its group."
    )
    table = _scrolling("runs-table", caption, f"<thead><tr>{heads}</tr></thead>\n{groups}")
    spent = duration(result.facts.get("seconds"))
    time = f", {spent} of computing" if known(result.facts.get("seconds")) else ""
    answer = f"{len(result.runs):,} runs in {len(runs.groups):,} groups{time}."
    return f"""<section id="runs" aria-labelledby="runs-question">
<h2 id="runs-question">Which runs are behind it?</h2>
<p class="answer">{escape(answer)}</p>
{_text_of_mlflow(result.facts.get("mlflow"))}
<details id="all-runs">
<summary>All runs and their commands</summary>
<div class="filter" hidden><label for="filter">Show runs that contain</label>
<input id="filter" type="search" autocomplete="off" spellcheck="false"><output id="said" for="filter" aria-live="polite"></output></div>
{table}
</details>
</section>"""


def _text_of_mlflow(start: Any) -> str:
    return f"<p>The links to MLflow work as long as this command runs: <code>{escape(str(start))}</code></p>" if known(start) else ""


def _group(key: Key, rows: Sequence[Row], anchor: str, heads: Sequence[str]) -> str:
    lines = "\n".join(f"<tr>{''.join(_run(row, 'MLflow' in heads))}</tr>" for row in rows)
    head = f'<tr class="group"><th colspan="{len(heads)}" scope="rowgroup">{escape(group_title(key))}</th></tr>'
    return f'<tbody id="{anchor}">\n{head}\n{lines}\n</tbody>'


def _run(row: Row, in_mlflow: bool) -> Iterator[str]:
    yield f'<th scope="row">{escape(count(row["seed"]))}</th>'
    yield from (f"<td>{escape(count(row[name]))}</td>" for name in ("question", "kind"))
    broken = " (broke down)" * holds(row["diverged"])
    yield f'<td class="number">{escape(percent(row["ER@10"]) + broken)}</td>'
    yield from (f'<td class="number">{escape(percent(row[name]))}</td>' for name in ("peak", "HR@10", "NDCG@10"))
    yield f'<td class="number">{escape(count(row["seconds"]))}</td>'
    if in_mlflow:
        page = str(row["mlflow"])
        yield f'<td><a href="{escape(page)}" rel="noreferrer">open</a></td>' if page.startswith(_PAGES) else f"<td>{NOTHING}</td>"
    yield f'<td class="command"><code>{escape(str(row["command"]))}</code> <button type="button" data-copy>copy</button></td>'
