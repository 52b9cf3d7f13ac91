"""Pictures of figures."""

from itertools import product

import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from experiments.analysis.figures import BUILDERS, Figure, Panel, Series
from experiments.analysis.measured import Measured
from experiments.render.plots import canvas
from tests.experiments.test_report import COMMITTED


@pytest.fixture(scope="module")
def measured():
    return Measured.of(pd.read_parquet(COMMITTED / "runs.parquet"))


def covered(figure):
    """Return whether a legend lies upon a coordinate system, and how many legends there are."""
    drawn = canvas(figure)
    FigureCanvasAgg(drawn).draw()
    legends = [legend for part in drawn.subfigs for legend in part.legends]
    inside = [legend for axes in drawn.axes if (legend := axes.get_legend())]
    boxes = [legend.get_window_extent() for legend in legends + inside], [axes.get_window_extent() for axes in drawn.axes]
    return any(legend.overlaps(axes) for legend, axes in product(*boxes)), len(legends)


@pytest.mark.parametrize("build", BUILDERS)
def test_no_legend_lies_upon_a_coordinate_system(build, measured):
    figure = build(measured)
    over, legends = covered(figure)
    assert not over and legends == sum(len(panel.series) > 1 for panel in figure.panels)


def test_not_even_a_long_one():
    series = [Series(f"a line with a long name {number}", [1, 2], [number, 100]) for number in range(8)]
    assert covered(Figure("x", "", "", [Panel("", "x", "y", series)] * 3)) == (False, 3)
