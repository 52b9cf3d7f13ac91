"""What pictures of an audit share: places in pixels, letters, markers, and styles that differ in more than their colour."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from fedrec.comparison.colours import INKS

STYLES = tuple(zip(INKS, ("", "7 4", "2 4", "9 3 2 3"), ("circle", "square", "triangle", "diamond"), strict=True))  # of lines
INK, FAINT = "#222222", "#595959"
BOLD = ' font-weight="700"'
LETTER = 7.1  # pixels that a letter of 12 pixels takes, about


@dataclass(frozen=True)
class Frame:
    """The place of a chart in pixels, and what lies at its borders."""

    left: float
    right: float
    top: float
    bottom: float
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    log: bool

    def x(self, value: float) -> float:
        """Return the place of a value from left to right; where the axis is logarithmic, what is out of range lies at the left border."""
        low, high = self.x_range
        value = max(value, low) if self.log else value
        part = math.log(value / low) / math.log(high / low) if self.log else (value - low) / (high - low)
        return self.left + part * (self.right - self.left)

    def y(self, value: float) -> float:
        """Return the place of a value from top to bottom; what is out of range lies at the border."""
        low, high = self.y_range
        return self.bottom - (min(max(value, low), high) - low) / (high - low) * (self.bottom - self.top)


def written(x: float, y: float, text: str, anchor: str, more: str = "") -> str:
    """Return a text; `more` are attributes."""
    colour = "" if "fill=" in more else f' fill="{INK}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{colour} {more}>{escape(text)}</text>'


def marker_at(x: float, y: float, kind: str, colour: str, fill: str) -> str:
    """Return a marker around a place."""
    match kind:
        case "circle":
            return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{fill}" stroke="{colour}" stroke-width="1.5"/>'
        case "square":
            corners: Sequence[tuple[float, float]] = ((-4.5, -4.5), (4.5, -4.5), (4.5, 4.5), (-4.5, 4.5))
        case "triangle":
            corners = ((0, -5.5), (5.5, 4.5), (-5.5, 4.5))
        case _:
            corners = ((0, -6), (6, 0), (0, 6), (-6, 0))
    path = " ".join(f"{x + right:.1f},{y + down:.1f}" for right, down in corners)
    return f'<polygon points="{path}" fill="{fill}" stroke="{colour}" stroke-width="1.5"/>'


def round_ticks(low: float, high: float) -> list[float]:
    """Return about five round numbers between two.

    >>> round_ticks(-1.0, 8.2)
    [0, 2, 4, 6, 8]
    """
    rough = (high - low) / 5
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return [round(place * step, 10) for place in range(math.ceil(low / step), math.floor(high / step) + 1)]
