"""The leaderboard as one HTML file that opens offline: cells are coloured by their numbers, and a list chooses the board."""

import io
import re
from collections.abc import Sequence

from experiments.analysis.figures import Figure
from experiments.leaderboards.board_tables import COLOURED
from experiments.render.html_frame import framed
from experiments.render.plots import canvas

_COLOURS = """
td { white-space: nowrap; }
td.coloured { background: rgba(213, 94, 0, var(--harm)); }
"""
_SCRIPT = """
for (const cell of document.querySelectorAll("table.coloured td:not(:first-child)")) {
  const number = parseFloat(cell.textContent);
  if (isNaN(number)) continue;
  cell.classList.add("coloured");
  cell.style.setProperty("--harm", Math.min(Math.max(number / 100, 0), 1) * 0.75);
}
const boards = [...document.querySelectorAll("h2")];
const chosen = document.createElement("select");
chosen.id = "board";
chosen.append(new Option("all boards", ""), ...boards.map((head, place) => new Option(head.textContent, place)));
chosen.onchange = () => boards.forEach((head, place) => {
  const shown = chosen.value === "" || chosen.value === String(place);
  for (let part = head; part && (part === head || part.tagName !== "H2"); part = part.nextElementSibling) {
    part.style.display = shown ? "" : "none";
  }
});
if (boards.length > 1) boards[0].before(chosen);
"""


def board_page(text: str, pictures: Sequence[Figure]) -> str:
    """Return the leaderboard in Markdown as a page with its pictures inside."""
    drawn = {picture.name: _as_svg(picture) for picture in pictures}
    whole = framed("Leaderboard", text, style=_COLOURS, script=_SCRIPT)
    whole = re.sub(r'<img src="(\w+)\.png"[^>]*>', lambda picture: drawn[picture[1]], whole)
    return whole.replace(f"{COLOURED}<table>", '<table class="coloured">')


def _as_svg(picture: Figure) -> str:
    """Return a picture as SVG without the head of an XML file. Its ids follow from its name, so that equal data give equal files."""
    from matplotlib import rc_context

    text = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": picture.name}):  # text stays text
        canvas(picture).savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return text.getvalue()[text.getvalue().index("<svg") :]
