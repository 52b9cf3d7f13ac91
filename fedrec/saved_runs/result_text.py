"""A run in a few lines, for a terminal and for a notebook."""

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fedrec.tracking.id_maps import in_words

_CHOICES = ("attack", "defense", "model", "dataset")
_RULES = ("best", "near_best", "peak", "final")
_WITH_MODEL = "model: items, users, recommend(user, k)"
_WITHOUT_MODEL = "model: not saved (a run with model.save=true saves it)"


def as_text(folder: Path, summary: Mapping[str, Any], has_model: bool) -> str:
    """Return what the run was, what it has reached by each rule, and whether its model is there."""
    rows = list(_rows(summary))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    cells = [[one.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))] for one, *rest in rows]
    return "\n".join([f"Result of {folder}", *_facts(summary), *("  ".join(row) for row in cells if rows[1:]), _model(has_model)])


def as_html(folder: Path, summary: Mapping[str, Any], has_model: bool) -> str:
    """Return the same as a table of HTML."""
    (_, *rules), *rows = _rows(summary)
    head = _cells("th", ["", *rules])
    body = "".join(f"<tr>{_cells('th', cells[:1])}{_cells('td', cells[1:])}</tr>" for cells in rows)
    lines = "<br>".join(map(html.escape, [*_facts(summary), str(folder), _model(has_model)]))
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if rows else ""
    return f"<div><p>{lines}</p>{table}</div>"


def _cells(kind: str, texts: Iterable[str]) -> str:
    return "".join(f"<{kind}>{html.escape(text)}</{kind}>" for text in texts)


def _facts(summary: Mapping[str, Any]) -> Iterator[str]:
    choices, config = summary["config"].get("choices", {}), summary["config"]
    chosen = [f"{name}={choices[name]}" for name in _CHOICES if name in choices]
    seed = [f"seed={config['seed']}"] if "seed" in config else []
    yield " ".join([*chosen, *seed])
    yield f"{summary['status']} after {summary.get('rounds', '?')} rounds and {summary['evaluations']} evaluations"
    if summary.get("target_items"):
        yield f"target items: {in_words(summary['target_items'], summary.get('target_titles'))}"


def _rows(summary: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    """Yield a table: the rules that report, then the epoch, ER@K and HR@K, or the selection metric, by each."""
    reported = {rule: summary[rule] for rule in _RULES if summary.get(rule)}
    yield ["", *reported]
    if reported:
        yield ["epoch", *(str(metrics["epoch"]) for metrics in reported.values())]
    selection = str(summary["config"].get("evaluation", {}).get("selection", "HR@10"))
    k = selection.rpartition("@")[2]
    for name in dict.fromkeys([f"ER@{k}", f"HR@{k}", selection]):
        if any(name in metrics for metrics in reported.values()):
            yield [name, *(f"{100 * metrics[name]:.2f} %" if name in metrics else "" for metrics in reported.values())]
        if name in (lost := summary.get("degradation") or {}):
            yield [f"{name} lost", *(f"{100 * lost[name]:.2f} %" if rule == "best" else "" for rule in reported)]


def _model(has_model: bool) -> str:
    return _WITH_MODEL if has_model else _WITHOUT_MODEL
