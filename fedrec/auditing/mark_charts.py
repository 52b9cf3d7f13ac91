"""Defenses as points: what they cost against what they let through."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from fedrec.auditing.chart_frame import BOLD, FAINT, INK, LETTER, STYLES, Frame, marker_at, round_ticks, written

_Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels


@dataclass(frozen=True)
class Mark:
    """A defense in a chart of points."""

    label: str
    x: float
    y: float
    on_front: bool
    recommended: bool


@dataclass(frozen=True)
class MarkChart:
    """Defenses: what they cost, in points, against what gets through, as a share."""

    name: str
    title: str
    description: str
    x_label: str
    y_label: str
    marks: Sequence[Mark]


def drawn_marks(chart: MarkChart, width: int, height: int) -> Iterator[str]:
    """Yield what is drawn. A name that finds no place is left out; it is in the table, and where one points at the mark."""
    xs, ys = [mark.x for mark in chart.marks], [mark.y for mark in chart.marks]
    low, high = min([0.0, *xs]), max([1.0, *xs])
    highest = max([0.1, *ys])
    margin = 0.06 * (high - low)
    frame = Frame(44, width - 14, 14, height - 58, (low - margin, high + margin), (-0.04 * highest, 1.12 * highest), False)
    yield f'<path d="M{frame.left} {frame.top}H{frame.right}V{frame.bottom}" fill="none" stroke="#DDDDDD"/>'
    for tick in round_ticks(low, high):
        yield f'<line x1="{frame.x(tick):.1f}" x2="{frame.x(tick):.1f}" y1="{frame.bottom}" y2="{frame.bottom + 5}" stroke="{INK}"/>'
        yield written(frame.x(tick), frame.bottom + 18, f"{tick:g}".replace("-", "\N{MINUS SIGN}"), "middle")
    for tick in round_ticks(0, 100 * highest):
        yield f'<path d="M{frame.left - 5} {frame.y(tick / 100):.1f}H{frame.left}" stroke="{INK}"/>'
        yield written(frame.left - 8, frame.y(tick / 100) + 4, f"{tick:g}", "end")
    yield f'<path d="M{frame.left} {frame.top}V{frame.bottom}H{frame.right}" fill="none" stroke="{INK}"/>'
    yield written((frame.left + frame.right) / 2, frame.bottom + 42, chart.x_label, "middle")
    middle = (frame.top + frame.bottom) / 2
    yield written(12, middle, chart.y_label, "middle", f'transform="rotate(-90 12 {middle:.1f})"')
    front = sorted((mark.x, mark.y) for mark in chart.marks if mark.on_front)
    if len(front) > 1:
        path = "L".join(f"{frame.x(x):.1f} {frame.y(y):.1f}" for x, y in front)
        yield f'<path d="M{path}" fill="none" stroke="{FAINT}" stroke-dasharray="4 3"/>'
    taken = [(frame.x(mark.x) - 7, frame.y(mark.y) - 7, frame.x(mark.x) + 7, frame.y(mark.y) + 7) for mark in chart.marks]
    for mark in sorted(chart.marks, key=lambda one: (not one.recommended, not one.on_front, one.label)):
        x, y = frame.x(mark.x), frame.y(mark.y)
        colour = STYLES[1][0] if mark.recommended else INK if mark.on_front else FAINT
        shape = marker_at(x, y, "square" if mark.recommended else "circle", colour, colour if mark.on_front else "white")
        label, named = f"{mark.label}, recommended" if mark.recommended else mark.label, ""
        if place := _free(frame, taken, (x, y), len(label) * (LETTER + 0.9 * mark.recommended), mark.on_front or mark.recommended):
            halo = 'stroke="white" stroke-width="4" paint-order="stroke"'
            named = written(*place[:2], label, place[2], f'fill="{colour}" {halo}{BOLD * mark.recommended}')
        yield f"<g><title>{escape(f'{mark.label}: {chart.x_label} {mark.x:.1f}, {100 * mark.y:.1f} %')}</title>{shape}{named}</g>"


def _free(frame: Frame, taken: list[_Box], mark: tuple[float, float], wide: float, far: bool) -> tuple[float, float, str] | None:
    """Return where a label finds place around a point, and take the place; None if it would stand over another."""
    x, y = mark
    around = [(x + 10, y + 4, "start"), (x - 10, y + 4, "end"), (x, y - 10, "middle"), (x, y + 20, "middle")]
    around += [(x + side, y - up, end) for up in (8, -17, *(22, 36) * far) for side, end in ((8, "start"), (-8, "end"))]
    for at, base, anchor in around:
        left = at - wide * {"start": 0, "middle": 0.5, "end": 1}[anchor]
        box = left, base - 11, left + wide, base + 3
        inside = (
            box[0] >= frame.left and box[2] <= frame.right + 10 and box[1] >= frame.top and box[3] <= frame.bottom - 4
        )  # without the white around it
        if inside and not any(box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3] for other in taken):
            taken.append(box)
            return at, base, anchor
    return None
