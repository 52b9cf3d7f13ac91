"""Draws figures as PNG with matplotlib, in colours that are distinct for every kind of colour vision."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.analysis.figures import Figure, Panel, Series
from experiments.analysis.names import unescaped
from fedrec.comparison.colours import MARKERS, PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

_INCHES = (5.2, 4.1)  # of a panel with its legend
_LEGEND_COLUMNS = 2


def draw(figure: Figure, path: Path) -> None:
    """Write a picture of a figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(canvas(figure)).print_png(str(path), metadata={"Software": None})


def canvas(figure: Figure) -> "Canvas":
    """Return a figure of matplotlib with all panels, at most two in a row, and each with its legend below the axes."""
    from matplotlib.figure import Figure as Canvas

    columns = min(2, len(figure.panels))
    rows = -(-len(figure.panels) // columns)
    drawn = Canvas(figsize=(_INCHES[0] * columns, _INCHES[1] * rows), dpi=110, layout="constrained")
    for part, panel in zip(drawn.subfigures(rows, columns, squeeze=False).flat, figure.panels, strict=False):
        _panel(part.subplots(), panel)
        if len(panel.series) > 1:
            part.legend(loc="outside lower center", ncols=_LEGEND_COLUMNS, fontsize=8, frameon=False)
    return drawn


def style(panel: Panel, position: int) -> tuple[str, str]:
    """Return the colour and the marker of a series; each dashed line looks like the solid one that it belongs to."""
    series = panel.series[position]
    if 2 * sum(one.dashed for one in panel.series) == len(panel.series) > 2:
        position = [one for one in panel.series if one.dashed == series.dashed].index(series)
    return PALETTE[position % len(PALETTE)], MARKERS[position % len(MARKERS)]


def _panel(axes: "Axes", panel: Panel) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    for position, series in enumerate(panel.series):
        _series(axes, series, *style(panel, position), position, len(panel.series))
    for border in panel.borders:
        axes.axvline(border, color="#666666", linestyle=":", linewidth=1)
    if panel.log_x:
        axes.set_xscale("log")
        ticks = sorted({float(x) for series in panel.series for x in series.x})
        axes.set_xticks(ticks, [f"{tick:,.7g}" for tick in ticks], rotation=45, fontsize=8)
        axes.minorticks_off()
    if panel.log_y:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(lambda y, _: f"{y:,.7g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set(xlabel=_shown(panel.x_label), ylabel=_shown(panel.y_label))
    if all(isinstance(y, str) for series in panel.series for y in series.y):
        axes.invert_yaxis()
    axes.set_title(_shown(panel.title), fontsize=10)


def _shown(text: str) -> str:
    """Return Markdown as matplotlib shows it, which reads formulas between dollars."""
    return unescaped(text).replace("$", r"\$")


def _series(axes: "Axes", series: Series, colour: str, marker: str, position: int, of: int) -> None:
    x: Any
    y: Any
    x, y = ([_shown(one) if isinstance(one, str) else one for one in axis] for axis in (series.x, series.y))
    if series.kind == "bars":
        width = 0.8 / of
        places = [place + (position - (of - 1) / 2) * width for place in range(len(x))]
        axes.bar(places, y, width, color=colour, label=_shown(series.name))
        axes.set_xticks(range(len(x)), x, rotation=30, ha="right", fontsize=8)
    elif series.kind == "points":
        axes.scatter(x, y, s=22, color=colour, marker=marker, alpha=0.7, linewidths=0, label=_shown(series.name))
    else:
        errors = [error or 0.0 for error in series.errors] if any(series.errors) else None
        few = len(x) <= 40
        axes.errorbar(
            x,
            y,
            yerr=errors,
            color=colour,
            marker=marker if few else None,
            markersize=4,
            linestyle="--" if series.dashed else "-",
            linewidth=1.4,
            capsize=2,
            label=_shown(series.name),
        )
