"""Lines with bands over numbers of accounts or kinds of items."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from fedrec.auditing.audit_wording import percent
from fedrec.auditing.chart_frame import BOLD, FAINT, INK, LETTER, STYLES, Frame, marker_at, written

_TICK = 42  # pixels between numbers of accounts
_BEFORE = 2.5  # so many times smaller than the smallest number is what stands at the left border, where no account has its place


@dataclass(frozen=True)
class Point:
    """A number of a chart and what it is called when one points at it. Without bounds there is no band."""

    x: float
    y: float
    told: str
    lower: float | None = None
    upper: float | None = None
    source: str = ""  # the attack that does it


@dataclass(frozen=True)
class Line:
    """Points in the order of x, and what stands at their end."""

    label: str
    points: Sequence[Point]


@dataclass(frozen=True)
class LineChart:
    """Lines over a logarithmic axis of accounts or, with `categories`, over words. The vertical axis is a share."""

    name: str
    title: str
    description: str
    x_label: str
    y_label: str
    lines: Sequence[Line]
    levels: Sequence[float] = ()
    users: int | None = None  # of whom accounts are a share
    categories: Sequence[str] = ()
    note: str = ""  # what stands below


def drawn_lines(chart: LineChart, width: int, height: int) -> Iterator[str]:
    """Yield what is drawn. On a narrow picture the names of lines stand above it, else beside their ends."""
    narrow = width < 500
    room = (
        max((len(part) * (LETTER + 0.9 * (not row)) for line in chart.lines for row, part in enumerate(in_two(line.label))), default=0) + 14
    )
    right = width - (14 if narrow else min(room, width * 0.35))
    top = 14 + (18 * len(chart.lines) if narrow else 10)
    places = [point.x for line in chart.lines for point in line.points]
    if chart.categories:
        x_range = -0.4, len(chart.categories) - 0.6
    else:
        low, high = min(filter(None, places), default=1), max(places, default=10)
        x_range = (low / 1.15, high * 1.15) if high > 1.5 * low else (low / 2, high * 2)
        x_range = (low / _BEFORE, x_range[1]) if 0 in places else x_range
    lowest = min((point.y for line in chart.lines for point in line.points), default=0)
    y_range = min(0.0, math.floor(lowest * 10) / 10 if lowest < -0.005 else 0.0), 1.0
    frame = Frame(44, right, top, height - 58, x_range, y_range, not chart.categories)
    yield from _axes(frame, chart.x_label, chart.y_label, chart.levels)
    yield from _categories(frame, chart.categories) if chart.categories else _accounts(frame, places, chart.users)
    for place, line in enumerate(chart.lines):
        yield _band(frame, line, place)
    for place, line in enumerate(chart.lines):
        yield from _line(frame, line, place)
    yield from _legend(chart.lines) if narrow else _labels(frame, chart.lines)


def _axes(frame: Frame, x_label: str, y_label: str, levels: Sequence[float]) -> Iterator[str]:
    low, high = frame.y_range
    kept: list[float] = []
    for share in [0.0, high, *sorted(levels, reverse=True), 0.5, 0.25, 0.75, low]:
        if low <= share <= high and all(abs(frame.y(share) - frame.y(one)) >= 12 for one in kept):
            kept.append(share)
    for share in sorted({*kept, *levels}):
        y = frame.y(share)
        stroke = f'stroke="{FAINT}" stroke-dasharray="1 3"' if share in levels else 'stroke="#DDDDDD"'
        yield f'<line x1="{frame.left}" x2="{frame.right:.1f}" y1="{y:.1f}" y2="{y:.1f}" {stroke}/>'
        if share in kept:
            yield written(frame.left - 8, y + 4, f"{100 * share:.3g}".replace("-", "\N{MINUS SIGN}"), "end")
    yield (
        f'<path d="M{frame.left} {frame.top}V{frame.bottom}H{frame.right:.1f}" fill="none" stroke="{INK}"/>'
        if low == 0
        else f'<path d="M{frame.left} {frame.top}V{frame.bottom}" fill="none" stroke="{INK}"/>'
    )
    yield written((frame.left + frame.right) / 2, frame.bottom + 50, x_label, "middle")
    middle = (frame.top + frame.bottom) / 2
    yield written(12, middle, y_label, "middle", f'transform="rotate(-90 12 {middle:.1f})"')


def _accounts(frame: Frame, numbers: Iterable[float], users: int | None) -> Iterator[str]:
    """Yield ticks at the numbers of accounts that were tried, as far as there is room, with their share of the users below."""
    kept: list[float] = []
    for number in sorted(set(numbers), key=lambda one: (one > 0, -one)):  # none and the largest one are always there
        if all(abs(frame.x(one) - frame.x(number)) >= _TICK for one in kept):
            kept.append(number)
    for number in sorted(kept):
        x = frame.x(number)
        yield f'<path d="M{x:.1f} {frame.bottom}v5" stroke="{INK}"/>'
        yield written(x, frame.bottom + 18, f"{number:,.0f}", "middle")
        if users:
            yield written(x, frame.bottom + 32, percent(number / users), "middle", f'fill="{FAINT}" font-size="11"')


def _categories(frame: Frame, names: Sequence[str]) -> Iterator[str]:
    for place, name in enumerate(names):
        yield written(frame.x(place), frame.bottom + 18, name, "middle")


def _band(frame: Frame, line: Line, place: int) -> str:
    colour = STYLES[place % len(STYLES)][0]
    bounds = [
        (frame.x(one.x), frame.y(one.lower), frame.y(one.upper)) for one in line.points if one.lower is not None and one.upper is not None
    ]
    if len(bounds) < 2:
        return "".join(f'<path d="M{x:.1f} {low:.1f}V{up:.1f}" stroke="{colour}" stroke-width="3" opacity="0.5"/>' for x, low, up in bounds)
    around = [*((x, up) for x, _, up in bounds), *((x, low) for x, low, _ in reversed(bounds))]
    return f'<polygon points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in around)}" fill="{colour}" opacity="0.16"/>'


def _line(frame: Frame, line: Line, place: int) -> Iterator[str]:
    colour, stroke, marker = STYLES[place % len(STYLES)]
    path = "L".join(f"{frame.x(one.x):.1f} {frame.y(one.y):.1f}" for one in line.points)
    if len(line.points) > 1:
        yield f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2.5" stroke-dasharray="{stroke}" stroke-linejoin="round"/>'
    for one in line.points:
        yield f"<g><title>{escape(one.told)}</title>{marker_at(frame.x(one.x), frame.y(one.y), marker, colour, colour)}</g>"


def _labels(frame: Frame, lines: Sequence[Line]) -> Iterator[str]:
    """Yield the names of lines beside their ends, in two lines of text where they are long, and never over each other."""
    drawn = [(frame.y(line.points[-1].y), place, in_two(line.label)) for place, line in enumerate(lines) if line.points]
    ends = sorted(drawn, key=lambda one: one[0])
    needed = [15.0 * len(parts) + 3 for _, _, parts in ends]
    tops: list[float] = []
    for place, (y, _, parts) in enumerate(ends):
        tops.append(max(y - 7.5 * len(parts), tops[-1] + needed[place - 1] if tops else frame.top - 6))
    for place in reversed(range(len(tops))):  # what would stand below the axis moves up
        below = tops[place + 1] if place + 1 < len(tops) else frame.bottom + 12
        tops[place] = min(tops[place], below - needed[place])
    for top, (_, style, parts) in zip(tops, ends, strict=True):
        colour = STYLES[style % len(STYLES)][0]
        for row, part in enumerate(parts):
            yield written(frame.right + 10, top + 12 + 15 * row, part, "start", f'fill="{colour}"{BOLD * (row == 0)}')


def _legend(lines: Sequence[Line]) -> Iterator[str]:
    for place, line in enumerate(lines):
        colour, stroke, marker = STYLES[place % len(STYLES)]
        y = 10 + 18 * place
        yield f'<path d="M8 {y}H40" stroke="{colour}" stroke-width="2.5" stroke-dasharray="{stroke}"/>' + marker_at(
            24, y, marker, colour, colour
        )
        yield written(48, y + 4, line.label, "start", f'fill="{colour}"{BOLD}')


def in_two(label: str) -> list[str]:
    """Return what stands before a colon and what follows, in two lines."""
    return [part.strip() for part in label.split(":", 1)]
