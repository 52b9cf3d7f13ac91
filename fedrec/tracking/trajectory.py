"""The picture of a run: exposure and quality over the rounds."""

from collections.abc import Mapping
from pathlib import Path

_VERMILLION, _BLUE = "#D55E00", "#0072B2"  # Okabe and Ito: distinct for every kind of colour vision
_MOST_MARKERS = 40


def write_picture(path: Path, histories: Mapping[str, Mapping[int, float]]) -> None:
    """Write a PNG with one line for each metric, the exposure first. A history maps a round to a share in [0, 1]."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 2.8), dpi=100)
    axes = figure.add_axes((0.075, 0.17, 0.91, 0.71))
    looks = zip(histories.items(), (_VERMILLION, _BLUE), ("-", "--"), ("o", "s"), strict=False)
    for (name, history), colour, line, marker in looks:
        rounds = sorted(history)
        values = [100 * history[round] for round in rounds]
        every = max(1, len(rounds) // _MOST_MARKERS)
        axes.plot(rounds, values, color=colour, linestyle=line, marker=marker, markersize=4, markevery=every, label=name)
    axes.set(xlabel="round", ylabel="% of the users", ylim=(-3, 103))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, borderaxespad=0.1)
    FigureCanvasAgg(figure).print_png(str(path))
