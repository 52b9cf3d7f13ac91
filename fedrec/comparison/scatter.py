"""Exposure against hits, a point a setting, with the Pareto front: what no other setting beats in both."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fedrec.comparison.colours import MARKERS, PALETTE
from fedrec.comparison.doubts import titled
from fedrec.comparison.measures import heading, highest_is_best, is_harm
from fedrec.comparison.over_seeds import OverSeeds
from fedrec.comparison.pareto_front import pareto_front
from fedrec.comparison.side_by_side import Setting, SideBySide
from fedrec.config.validation import ConfigError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_PANELS = 12
_INCHES = (4.6, 3.6)  # of a panel


def scatter(comparison: SideBySide) -> "Figure":
    """Return a figure with a panel for each block of settings that compete. Raises ConfigError if there is nothing to draw."""
    from matplotlib.figure import Figure

    exposure, hits = _axes(comparison)
    names = {setting: _name(comparison, setting) for setting in comparison.cells}
    blocks = comparison.blocks
    if len(blocks) > _MOST_PANELS:
        raise ConfigError(f"a scatter shows at most {_MOST_PANELS} panels, and there are {len(blocks)}: keep fewer runs (--where)")
    columns = min(3, len(blocks))
    rows = -(-len(blocks) // columns)
    figure = Figure(figsize=(_INCHES[0] * columns, _INCHES[1] * rows + 0.6), dpi=150, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).flat
    styles = {name: _style(place) for place, name in enumerate(dict.fromkeys(names.values()))}
    for axes, (block, settings) in zip(panels, blocks.items(), strict=False):
        _panel(axes, comparison, settings, (hits, exposure), names, styles)
        axes.set_title(titled(comparison.others, block).replace("$", r"\$") if comparison.others else "", fontsize=9)
    for axes in list(panels):
        axes.set_axis_off()
    handles = {label: handle for axes in figure.axes for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    return figure


def _axes(comparison: SideBySide) -> tuple[str, str]:
    """Return the first measure of harm, an exposure or a degradation ratio, and the first one of hits."""
    exposures = [one for one in comparison.measures if is_harm(one)]
    hits = [one for one in comparison.measures if not is_harm(one) and highest_is_best(one, False)]
    if not exposures or not hits:
        raise ConfigError(
            f"a scatter needs an exposure and a measure of hits, such as ER@10 and HR@10, not {', '.join(comparison.measures)}"
        )
    return exposures[0], hits[0]


def _name(comparison: SideBySide, setting: Setting) -> str:
    values = comparison.part(setting, comparison.compared)
    return titled(comparison.compared, values) if len(values) != 1 else values[0] or f"no {comparison.compared[0]}"


def _style(place: int) -> tuple[str, str]:
    """Return the colour and the marker of a setting; no two of 36 look alike."""
    return PALETTE[place % len(PALETTE)], MARKERS[(place + place // len(PALETTE)) % len(MARKERS)]


def _panel(
    axes: "Axes",
    comparison: SideBySide,
    settings: list[Setting],
    measures: tuple[str, str],
    names: dict[Setting, str],
    styles: dict[str, tuple[str, str]],
) -> None:
    known = [one for one in settings if all(comparison.cells[one][measure].n for measure in measures)]
    points = [tuple(100 * comparison.cells[one][measure].mean for measure in measures) for one in known]
    front = pareto_front([(x, y) for x, y in points], True, comparison.for_attackers)
    axes.plot(
        *zip(*(points[one] for one in front), strict=True), color="#666666", linestyle="--", linewidth=1, label="Pareto front", zorder=1
    )
    for place, (setting, (x, y)) in enumerate(zip(known, points, strict=True)):
        colour, marker = styles[names[setting]]
        x_error, y_error = (_bar(comparison.cells[setting][measure]) for measure in measures)
        edge = "black" if place in front else colour  # a second sign of the front
        style: Mapping[str, Any] = {
            "color": colour,
            "marker": marker,
            "markersize": 8,
            "markeredgecolor": edge,
            "markeredgewidth": 1.4,
            "linestyle": "none",
        }
        axes.errorbar(x, y, xerr=x_error, yerr=y_error, capsize=2, label=names[setting].replace("$", r"\$"), zorder=2, **style)
    axes.set(xlabel=f"{heading(measures[0])} [%]", ylabel=f"{heading(measures[1])} [%]")


def _bar(one: OverSeeds) -> float:
    return 100 * (one.error or 0.0)
