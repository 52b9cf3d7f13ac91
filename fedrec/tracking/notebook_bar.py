"""Shows in a notebook how far a run is, in place, and without widgets, which many notebooks cannot show."""

import sys
import time
from collections.abc import Collection, Mapping
from datetime import timedelta
from html import escape
from typing import Any

from fedrec.interfaces import Callback, Evaluation, RoundResult, RunInfo
from fedrec.tracking.run_progress import headline

_PAUSE = 0.5  # seconds between two pictures


class NotebookBar(Callback):
    """One output of a cell. What stays of it in a saved notebook is the end of the run, without times."""

    def __init__(self, name: str = "", display_id: str | None = None, is_shown: bool = False) -> None:
        """`name` says what runs. Bars with one `display_id` take the same place; `is_shown` tells that another one is there already."""
        self._name, self._place, self._is_shown = name, display_id, is_shown
        self._n_rounds = self._round = 0
        self._metrics: Mapping[str, float] = {}
        self._undefined: Collection[str] = ()
        self._status = ""  # once the run has ended
        self._started = self._next = 0.0  # seconds

    def on_run_start(self, info: RunInfo) -> None:
        """Show the bar and start the clock."""
        self._n_rounds, self._undefined = info.n_rounds, info.undefined
        self._started = time.perf_counter()
        self._draw()

    def on_round_end(self, result: RoundResult) -> None:
        self._round = result.round
        if time.perf_counter() >= self._next:
            self._draw()

    def on_evaluation(self, evaluation: Evaluation) -> None:
        self._metrics = evaluation.metrics

    def on_run_end(self, status: str, summary: Mapping[str, Any]) -> Mapping[str, Any]:
        """Leave the bar as it is, and say how the run has ended unless it went well."""
        self._status = status
        self._draw()
        return {}

    def _draw(self) -> None:
        from IPython.display import display

        options = {"display_id": self._place or f"fedrec-{id(self)}", "update": self._is_shown}
        display(self, **options)
        self._is_shown, self._next = True, time.perf_counter() + _PAUSE

    def __repr__(self) -> str:
        parts = (self._name, f"round {self._round}/{self._n_rounds}", headline(self._metrics, self._undefined), self._ending())
        return "  ".join(filter(None, parts))

    def _repr_html_(self) -> str:
        return f'<progress value="{self._round}" max="{self._n_rounds}"></progress> <code>{escape(repr(self))}</code>'

    def _ending(self) -> str:
        """Return the time left, or how the run has ended if it did not go well."""
        if self._status or not self._round:
            return "" if self._status == "FINISHED" else self._status
        seconds = (time.perf_counter() - self._started) / self._round * (self._n_rounds - self._round)
        return f"{timedelta(seconds=round(seconds))} left"


def in_notebook() -> bool:
    """Return whether this process is the kernel of a notebook."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return shell is not None and "IPKernelApp" in shell.config
