"""Which progress display suits the place where a run was started from Python."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fedrec.interfaces import Callback


def bars(wanted: bool, name: str = "", display_id: str | None = None, is_shown: bool = False) -> "list[Callback]":
    """Return a bar for a notebook or for a terminal, if one is there and a bar is wanted. The rest is for `NotebookBar`."""
    from fedrec.tracking.notebook_bar import NotebookBar, in_notebook
    from fedrec.tracking.run_progress import Progress

    if wanted and in_notebook():
        return [NotebookBar(name, display_id, is_shown)]
    return [Progress()] if wanted and sys.stderr.isatty() else []
