"""An audit as one HTML file that opens offline. Whatever data sets, items or commands are called stays text."""

import base64
import hashlib
from collections.abc import Sequence
from html import escape

from fedrec.auditing.audit_charts import Chart, as_svg
from fedrec.auditing.audit_curves import first_chart
from fedrec.auditing.audit_result import AuditResult
from fedrec.auditing.audit_sections import about, title_of
from fedrec.auditing.audit_wording import count
from fedrec.auditing.grouped_runs import GroupedRuns
from fedrec.auditing.html_parts import classed, kind_of_column, scrolling, text_of
from fedrec.auditing.line_charts import LineChart
from fedrec.auditing.mark_charts import MarkChart
from fedrec.auditing.page_parts import Cell, Grid, Heading, Part, Section, Terms, numbers_of
from fedrec.auditing.page_style import SCRIPT, STYLE
from fedrec.auditing.runs_table import runs_section

_WIDE, _NARROW = (760, 400), (358, 300)  # pixels of a picture on a wide and on a narrow screen


def as_html_page(result: AuditResult, parts: Sequence[Section], runs: GroupedRuns) -> str:
    """Return the page."""
    title = escape(title_of(result))
    chart = first_chart(result)
    verdict = "\n".join(f"<p>{text_of(sentence)}</p>" for sentence in result.verdict) or "<p>Too little was measured for a verdict.</p>"
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
{runs_section(result, runs)}
</main>
<footer>Made by fedrec {escape(count(result.facts.get("version")))}. audit.json beside this page holds every number.</footer>
<script>{SCRIPT}</script>
</body>
</html>
"""


def _section(section: Section) -> str:
    parts = "\n".join(map(_part, section.parts))
    return (
        f'<section id="{section.name}" aria-labelledby="{section.name}-question">\n<h2 id="{section.name}-question">'
        f'{escape(section.question)}</h2>\n<p class="answer">{text_of(section.answer)}</p>\n{parts}\n</section>'
    )


def _part(part: Part) -> str:
    match part:
        case str():
            return f"<p>{text_of(part)}</p>"
        case Heading():
            return f"<h3>{escape(part.text)}</h3>"
        case list():
            return f"<ul>{''.join(f'<li>{text_of(one)}</li>' for one in part)}</ul>"
        case Terms():
            return f"<dl>{''.join(f'<dt>{escape(term)}</dt><dd>{text_of(meaning)}</dd>' for term, meaning in part.terms)}</dl>"
        case Grid():
            table = _grid(part)
            return f"<details><summary>{escape(part.folded)}</summary>\n{table}\n</details>" if part.folded else table
        case LineChart() | MarkChart():
            return _figure(part)


def _figure(chart: Chart) -> str:
    drawn = (as_svg(chart, *size).replace("<svg ", f'<svg class="{name}" ', 1) for name, size in (("wide", _WIDE), ("narrow", _NARROW)))
    note = f'\n<p class="note">{text_of(chart.note)}</p>' if isinstance(chart, LineChart) and chart.note else ""
    return f"<figure>\n<figcaption>{escape(chart.title)}</figcaption>\n{''.join(drawn)}{note}\n</figure>"


def _grid(table: Grid) -> str:
    kinds = [kind_of_column(head) for head in table.heads]
    kinds = [
        "item" if head == "item" else "text" if head in ("what it does", "value") else kind
        for head, kind in zip(table.heads, kinds, strict=True)
    ]
    rows = "\n".join(
        f"<tr>{''.join(_cell(cell, kind, place < table.keys) for place, (cell, kind) in enumerate(zip(row, kinds, strict=True)))}</tr>"
        for row in table.rows
    )
    heads = "".join(f'<th scope="col"{classed(kind)}>{escape(head)}</th>' for head, kind in zip(table.heads, kinds, strict=True))
    return scrolling(table.name, table.caption, f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody>")


def _cell(cell: Cell, kind: str, is_key: bool) -> str:
    text = f"<code>{escape(cell.text)}</code>" if cell.is_code else escape(cell.text)
    text = f'<span class="over">{text}</span> <span class="under">{escape(cell.under)}</span>' if cell.under else text
    text = f'<a href="#{cell.runs}">{text}</a>' if cell.runs else text
    return f'<th scope="row"{classed(kind)}>{text}</th>' if is_key else f"<td{classed(kind)}>{text}</td>"
