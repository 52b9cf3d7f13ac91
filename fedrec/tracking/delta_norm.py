"""Snapshots of the Delta-Norm of all items, as table and as picture.

Preventing the Popular Item Embedding Based Attack in Federated Recommendations (the paper), Eq. (7) and Fig. 4. The figure shows
the popularity ranks of the 50 items with the largest Delta-Norm.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedrec.evaluation.popular_share import POPULAR_SHARE

Floats = NDArray[np.float32]
Ranks = NDArray[np.int64]

LEADING = 50
_MOST_STRIPS = 16
_BLUE, _VERMILLION = "#0072B2", "#D55E00"  # Okabe and Ito: distinct for every kind of colour vision


def leading_ranks(delta_norm: Floats, popularity_ranks: Ranks) -> Ranks:
    """Return the popularity ranks (1 = most interactions) of the 50 items with the largest Delta-Norm, largest first. Arguments: [M].

    >>> leading_ranks(np.array([0.1, 0.3, 0.2], np.float32), np.array([3, 1, 2])).tolist()
    [1, 2, 3]
    """
    return popularity_ranks[np.argsort(-delta_norm, kind="stable")[:LEADING]]


def write_table(path: Path, delta_norm: Floats, items: Any) -> None:
    """Write a parquet file with one row per item: item, title where titles are known, popularity_rank, delta_norm [M].

    items: the table that `items.parquet` holds, whose rows are in the order of `delta_norm`.
    """
    import pyarrow
    from pyarrow import parquet

    named = items.select([name for name in ("item", "title", "popularity_rank") if name in items.column_names])
    parquet.write_table(named.append_column("delta_norm", pyarrow.array(delta_norm)), path)


def write_picture(path: Path, strips: Mapping[int, Ranks], n_items: int) -> None:
    """Write a PNG with one strip per round, the first round on top. `strips` maps a round to its `leading_ranks`.

    Of more than 16 rounds it shows the first eight and eight later ones, evenly spaced, with the last round among them.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rounds = _shown(sorted(strips))
    inches = 0.4 * len(rounds) + 1.1
    figure = Figure(figsize=(8, inches), dpi=100)
    axes = figure.add_axes((0.14, 0.6 / inches, 0.84, 1 - 1.0 / inches))
    places = np.concatenate([np.full(len(strips[round]), place) for place, round in enumerate(rounds)])
    ranks, border = np.concatenate([strips[round] for round in rounds]), POPULAR_SHARE * n_items
    popular = ranks <= border
    for chosen, colour, marker, label in ((popular, _BLUE, "o", "popular"), (~popular, _VERMILLION, "^", "unpopular")):
        axes.scatter(ranks[chosen], places[chosen], s=30, c=colour, marker=marker, alpha=0.6, linewidths=0, label=label)
    axes.axvline(border, color=_BLUE, linestyle=":", label=f"top {POPULAR_SHARE:.0%} of all items")
    axes.set(xlim=(-0.01 * n_items, 1.01 * n_items), ylim=(len(rounds) - 0.4, -0.6))
    axes.set_yticks(range(len(rounds)), [f"round {round}" for round in rounds])
    axes.set_xlabel(f"popularity rank of the {LEADING} items with the largest Δ-Norm")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, frameon=False, borderaxespad=0.1)
    FigureCanvasAgg(figure).print_png(str(path))


def _shown(rounds: list[int]) -> list[int]:
    if len(rounds) <= _MOST_STRIPS:
        return rounds
    half = _MOST_STRIPS // 2
    later = np.linspace(half, len(rounds) - 1, half).round().astype(int)
    return rounds[:half] + [rounds[index] for index in later]
