"""A comparison as heat maps, one a measure, with the numbers written in the cells."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fedrec.comparison.colours import MAP, readable_on
from fedrec.comparison.doubts import titled
from fedrec.comparison.layouts import shown
from fedrec.comparison.measures import heading, is_share
from fedrec.comparison.side_by_side import Setting, SideBySide
from fedrec.config.validation import ConfigError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CELL = (1.35, 0.5)  # inches
_LETTER = 0.085  # inches
_MOST = 100  # rows, and columns


def heat_map(comparison: SideBySide) -> "Figure":
    """Return a figure of matplotlib: rows are settings that compete, columns what they have in common.

    Raises ConfigError if there are too many to be seen.
    """
    from matplotlib.figure import Figure

    rows = list(dict.fromkeys(comparison.part(setting, comparison.compared) for setting in comparison.cells))
    columns = list(comparison.blocks)
    if max(len(rows), len(columns)) > _MOST:
        raise ConfigError(
            f"a heat map shows at most {_MOST} rows and columns, and there are {len(rows)} and {len(columns)}: keep fewer runs"
        )
    places = {
        setting: (rows.index(comparison.part(setting, comparison.compared)), columns.index(block))
        for block, settings in comparison.blocks.items()
        for setting in settings
    }
    heads, names = (_names(options, parts) for options, parts in ((comparison.compared, rows), (comparison.others, columns)))
    width = max(1.5 + _LETTER * max(map(len, heads)) + _CELL[0] * len(columns), 3.5)
    height = 1.2 + _LETTER * max(map(len, names)) / 2 + _CELL[1] * len(rows)
    figure = Figure(figsize=(width, height * len(comparison.measures)), dpi=150, layout="constrained")
    for axes, measure in zip(figure.subplots(len(comparison.measures), squeeze=False)[:, 0], comparison.measures, strict=True):
        _draw(axes, comparison, measure, places)
        axes.set_xticks(range(len(columns)), names, rotation=30, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(rows)), heads)
        axes.set(title=heading(measure), xlim=(-0.5, len(columns) - 0.5), ylim=(len(rows) - 0.5, -0.5))
    return figure


def _draw(axes: "Axes", comparison: SideBySide, measure: str, places: Mapping[Setting, tuple[int, int]]) -> None:
    """Colour the cells from zero to the highest mean, so that equal colours mean about equal numbers."""
    import numpy as np
    from matplotlib import colormaps

    unit, colours = 100 if is_share(measure) else 1, colormaps[MAP]
    means = {setting: unit * cell[measure].mean for setting, cell in comparison.cells.items() if cell[measure].n}
    values = np.full([1 + max(place[axis] for place in places.values()) for axis in (0, 1)], np.nan)
    highest = max([*means.values(), 1e-9])
    for setting, (row, column) in places.items():
        values[row, column] = means.get(setting, np.nan)
        one = shown(comparison, setting, measure)
        text = f"{one.mean} ± {one.error}" if one.error else one.mean
        colour = readable_on(*colours(means[setting] / highest)[:3]) if setting in means else "black"
        axes.text(column, row, text + "*" * one.is_best, ha="center", va="center", color=colour, fontsize=8)
    image = axes.imshow(values, cmap=colours, vmin=0, vmax=highest, aspect="auto")
    axes.figure.colorbar(image, ax=axes, label="%" if unit == 100 else "")


def _names(options: Sequence[str], parts: Sequence[Setting]) -> list[str]:
    """Return what stands beside the cells. Matplotlib would read a formula between dollars."""
    return [titled(options, part).replace("$", r"\$") if options else "" for part in parts]
