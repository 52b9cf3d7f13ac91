"""A comparison in a notebook."""

from html import escape

from fedrec.comparison.layouts import Layout, Shown, layouts, tests
from fedrec.comparison.legend import sentences
from fedrec.comparison.side_by_side import SideBySide

_DIFFERS = "†"


def as_html(comparison: SideBySide) -> str:
    """Return the table, what its marks mean, and the tests in a fold."""
    told = "".join(f"<div><small>{escape(line)}</small></div>" for line in sentences(comparison, "Bold:", _DIFFERS))
    listed = tests(comparison)
    fold = f"<details><summary>tests</summary>{_table(listed)}</details>" if listed else ""
    return f"<div>{_table(next(layouts(comparison)))}{told}{fold}</div>"


def _table(layout: Layout) -> str:
    heads = "".join(f"<th>{escape(head)}</th>" for head in layout.heads)
    rows = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for block in layout.blocks for row in block)
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _cell(one: str | Shown) -> str:
    if isinstance(one, str):
        return f'<th scope="row" style="text-align: left">{escape(one)}</th>'
    text = f"{one.mean} ± {one.error}" if one.error else one.mean
    whole = f"{f'<b>{text}</b>' if one.is_best else text}{f' (n={one.n})' if one.n else ''}{_DIFFERS * one.differs}"
    return f'<td style="text-align: right; white-space: nowrap">{whole}</td>'
