"""Writes a comparison to a file."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fedrec.comparison.heat_map import heat_map
from fedrec.comparison.latex_table import as_latex
from fedrec.comparison.markdown_table import as_markdown
from fedrec.comparison.scatter import scatter
from fedrec.comparison.side_by_side import SideBySide
from fedrec.config.validation import ConfigError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TABLES: Mapping[str, Callable[[SideBySide], str]] = {
    "csv": lambda comparison: comparison.table.to_csv(index=False),
    "markdown": as_markdown,
    "latex": as_latex,
}
DRAWINGS: Mapping[str, Callable[[SideBySide], "Figure"]] = {"png": heat_map, "scatter": scatter}
ENDINGS = {".csv": "csv", ".md": "markdown", ".tex": "latex", ".png": "png", ".svg": "png", ".pdf": "png"}
_UNDATED = {".png": {"Software": None}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}  # equal tables make equal files


def save(comparison: SideBySide, file: Path, form: str | None = None) -> None:
    """Write a comparison as `csv`, `markdown`, `latex`, `png` (heat maps) or `scatter`; without a form the ending of the file decides.

    Raises ConfigError if the ending says nothing, there is nothing to draw, or the file cannot be written.
    """
    form = form or ENDINGS.get(file.suffix)
    if form is None or (form in DRAWINGS and file.suffix not in _UNDATED):
        raise ConfigError(f"{file}: the name must end in {', '.join(_UNDATED if form else ENDINGS)}")
    try:
        if form in TABLES:
            file.write_text(TABLES[form](comparison), encoding="utf-8")
        else:
            _draw(DRAWINGS[form](comparison), file)
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror or error}") from None


def _draw(figure: "Figure", file: Path) -> None:
    from matplotlib import rc_context

    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "fedrec"}):  # text stays text
        figure.savefig(file, metadata=_UNDATED[file.suffix])
