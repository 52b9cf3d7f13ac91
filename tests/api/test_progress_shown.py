"""A bar is shown where somebody can see it move."""

import sys

import pytest

from fedrec.api.progress_shown import bars
from fedrec.tracking.notebook_bar import NotebookBar
from fedrec.tracking.run_progress import Progress


class Shell:
    def __init__(self, **config):
        self.config = config


@pytest.mark.parametrize(
    ("is_terminal", "shell", "kind"),
    [
        (False, None, None),  # a pipe
        (True, None, Progress),
        (True, Shell(TerminalIPythonApp={}), Progress),
        (False, Shell(TerminalIPythonApp={}), None),
        (False, Shell(IPKernelApp={}), NotebookBar),
    ],
)
def test_the_bar_that_suits(monkeypatch, is_terminal, shell, kind):
    import IPython

    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
    assert [type(one) for one in bars(True)] == ([] if kind is None else [kind])
    assert bars(False) == []
