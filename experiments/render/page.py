"""The report as one HTML file that opens offline, with interactive figures (Plotly) and tables that can be filtered and sorted."""

import html
import re
from collections.abc import Sequence
from typing import Any

from experiments.analysis.figures import Figure, Panel, Series
from experiments.analysis.names import unescaped
from experiments.render.plots import style
from fedrec.comparison.colours import MARKERS

_PLOTLY_MARKERS = dict(zip(MARKERS, ("circle", "triangle-up", "square", "diamond", "triangle-down", "cross"), strict=True))
_HEIGHT = 380  # pixels of a row of panels

_FRAME = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The paper, measured</title>
<style>
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 1500px; padding: 1em 2em; color: #222; }}
table {{ border-collapse: collapse; display: block; overflow-x: auto; font-size: 13px; }}
th, td {{ border: 1px solid #ccc; padding: 3px 7px; vertical-align: top; }}
th {{ background: #eee; cursor: pointer; position: sticky; top: 0; }}
td strong {{ color: #a3420b; }}
code {{ background: #f3f3f3; padding: 0 3px; }}
input {{ margin: .3em 0; padding: 3px 6px; width: 22em; }}
</style>
<script>{library}</script>
</head>
<body>
{body}
<script>{script}</script>
</body>
</html>
"""

_SCRIPT = """
for (const table of document.querySelectorAll("table")) {
  const rows = [...table.tBodies[0].rows];
  const filter = document.createElement("input");
  filter.placeholder = "show rows that contain ...";
  const words = () => filter.value.toLowerCase().split(" ");
  filter.oninput = () => rows.forEach(row => row.hidden = !words().every(word => row.textContent.toLowerCase().includes(word)));
  if (rows.length > 5) table.before(filter);
  const value = (row, column) => {
    const text = row.cells[column].textContent.replace(/,/g, "");
    const number = parseFloat(text);
    return isNaN(number) ? text : number;
  };
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    head.title = "sort";
    head.onclick = () => {
      const descending = head.dataset.order !== "descending";
      head.dataset.order = descending ? "descending" : "ascending";
      const sign = descending ? -1 : 1;
      const order = (a, b) => {
        const [x, y] = [value(a, column), value(b, column)];
        if (typeof x !== typeof y) return typeof x === "number" ? -1 : 1; // numbers before words, either way
        return sign * (x < y ? -1 : x > y ? 1 : 0);
      };
      rows.sort(order).forEach(row => table.tBodies[0].append(row));
    };
  });
}
"""


def page(text: str, drawn: Sequence[Figure]) -> str:
    """Return the Markdown report as a page, with every picture replaced by an interactive one."""
    from markdown_it import MarkdownIt
    from plotly.offline import get_plotlyjs

    body = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    plots = {figure.name: _plot(figure) for figure in drawn}
    body = re.sub(r'<img src="(\w+)\.png"[^>]*>', lambda picture: plots[picture[1]], body)
    return _FRAME.format(library=get_plotlyjs(), body=body, script=_SCRIPT)


def _plot(figure: Figure) -> str:
    from plotly.subplots import make_subplots

    columns = min(2, len(figure.panels))
    rows = -(-len(figure.panels) // columns)
    canvas = make_subplots(rows, columns, subplot_titles=[_shown(panel.title) for panel in figure.panels])
    in_legend: set[str] = set()
    for place, panel in enumerate(figure.panels):
        at = {"row": place // columns + 1, "col": place % columns + 1}
        for position, series in enumerate(panel.series):
            canvas.add_trace(_trace(series, *style(panel, position), series.name not in in_legend), **at)
            in_legend.add(series.name)
        for border in panel.borders:
            canvas.add_vline(border, line={"color": "#666", "dash": "dot", "width": 1}, **at)
        canvas.update_xaxes(title_text=_shown(panel.x_label), **at)
        if panel.log_x:
            canvas.update_xaxes(type="log", tickvals=sorted({x for series in panel.series for x in series.x}), **at)
        canvas.update_yaxes(title_text=_shown(panel.y_label), autorange="reversed" if _has_names(panel) else None, **at)
    canvas.update_layout(height=_HEIGHT * rows, template="plotly_white", margin={"t": 40, "b": 50}, hovermode="closest")
    shown: str = canvas.to_html(full_html=False, include_plotlyjs=False, div_id=figure.name, config={"displaylogo": False})
    return shown


def _shown(text: str) -> str:
    """Return Markdown as Plotly shows it, which reads some tags."""
    return html.escape(unescaped(text), quote=False)


def _has_names(panel: Panel) -> bool:
    return all(isinstance(y, str) for series in panel.series for y in series.y)


def _trace(series: Series, colour: str, marker: str, in_legend: bool) -> Any:
    import plotly.graph_objects as go

    x, y = ([_shown(one) if isinstance(one, str) else one for one in axis] for axis in (series.x, series.y))
    common = {"x": x, "y": y, "name": _shown(series.name), "legendgroup": series.name, "showlegend": in_legend}
    if series.kind == "bars":
        return go.Bar(**common, marker_color=colour)
    symbol = {"color": colour, "symbol": _PLOTLY_MARKERS[marker], "size": 7}
    if series.kind == "points":
        return go.Scatter(**common, mode="markers", marker=symbol, opacity=0.75)
    errors = {"type": "data", "array": [error or 0.0 for error in series.errors]} if any(series.errors) else None
    line = {"color": colour, "dash": "dash" if series.dashed else "solid"}
    return go.Scatter(**common, mode="lines+markers" if len(series.x) <= 40 else "lines", line=line, marker=symbol, error_y=errors)
