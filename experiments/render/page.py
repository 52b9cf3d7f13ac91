"""The report as one HTML file that opens offline, with interactive figures (Plotly) and tables that can be filtered and sorted."""

import html
import re
from collections.abc import Sequence
from typing import Any

from experiments.analysis.figures import Figure, Panel, Series
from experiments.analysis.names import unescaped
from experiments.render.html_frame import framed
from experiments.render.plots import style
from fedrec.comparison.colours import MARKERS

_PLOTLY_MARKERS = dict(zip(MARKERS, ("circle", "triangle-up", "square", "diamond", "triangle-down", "cross"), strict=True))
_HEIGHT = 380  # pixels of a row of panels


def page(text: str, drawn: Sequence[Figure]) -> str:
    """Return the Markdown report as a page, with every picture replaced by an interactive one."""
    from plotly.offline import get_plotlyjs

    plots = {figure.name: _plot(figure) for figure in drawn}
    whole = framed("The paper, measured", text, library=get_plotlyjs())
    return re.sub(r'<img src="(\w+)\.png"[^>]*>', lambda picture: plots[picture[1]], whole)


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
