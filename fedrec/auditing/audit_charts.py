"""Pictures of an audit as SVG.

A chart is drawn for a width in pixels, in which its letters have the size of the page's; a page holds one for wide screens and one for
narrow ones. Everything is told apart by colour, marker and stroke, and named. Equal charts give equal texts.
"""

from html import escape

from fedrec.auditing.line_charts import LineChart, drawn_lines
from fedrec.auditing.mark_charts import MarkChart, drawn_marks

Chart = LineChart | MarkChart


def as_svg(chart: Chart, width: int, height: int) -> str:
    """Return a chart as SVG. Its ids begin with its name and the width."""
    ids = f"{chart.name}-{width}"
    content = "\n".join(drawn_lines(chart, width, height) if isinstance(chart, LineChart) else drawn_marks(chart, width, height))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="{ids}-title {ids}-desc" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-size="12">\n'
        f'<title id="{ids}-title">{escape(chart.title)}</title>\n<desc id="{ids}-desc">{escape(chart.description)}</desc>\n'
        f"{content}\n</svg>"
    )
