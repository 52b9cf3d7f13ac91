"""The runs of an audit in HTML: each with its numbers, the command that repeats it, and its page in MLflow."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from fedrec.auditing.audit_result import AuditResult
from fedrec.auditing.audit_wording import NOTHING, Row, count, duration, holds, known, percent
from fedrec.auditing.grouped_runs import GroupedRuns, Key, group_title
from fedrec.auditing.html_parts import classed, kind_of_column, scrolling

_RUN_HEADS = ("seed", "question", "target", "ER@10", "peak", "HR@10", "NDCG@10", "seconds", "MLflow", "command")
_PAGES = ("http://", "https://")


def runs_section(result: AuditResult, runs: GroupedRuns) -> str:
    """Return the table of all runs, those that differ in the seed together."""
    shown = [head for head in _RUN_HEADS if head != "MLflow" or result.runs["mlflow"].notna().any()]
    heads = "".join(f'<th scope="col"{classed(kind_of_column(head))}>{head}</th>' for head in shown)
    groups = "\n".join(_group(key, rows, runs.anchors[key], shown) for key, rows in runs.groups.items())
    caption = (
        "Every run, in groups that differ in the seed or in the target. The command repeats a run, in the "
        "folder in which the audit was started; a number above leads to its group."
    )
    table = scrolling("runs-table", caption, f"<thead><tr>{heads}</tr></thead>\n{groups}")
    spent = duration(result.facts.get("seconds"))
    time = f", {spent} of computing" if known(result.facts.get("seconds")) else ""
    answer = f"{len(result.runs):,} runs in {len(runs.groups):,} groups{time}."
    return f"""<section id="runs" aria-labelledby="runs-question">
<h2 id="runs-question">Which runs are behind it?</h2>
<p class="answer">{escape(answer)}</p>
{_told_of_mlflow(result.facts.get("mlflow"))}
<details id="all-runs">
<summary>All runs and their commands</summary>
<div class="filter" hidden><label for="filter">Show runs that contain</label>
<input id="filter" type="search" autocomplete="off" spellcheck="false"><output id="said" for="filter" aria-live="polite"></output></div>
{table}
</details>
</section>"""


def _told_of_mlflow(start: Any) -> str:
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
