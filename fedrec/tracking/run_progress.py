"""Shows whoever waits how far a run is: a bar on a terminal, else plain lines. The log of the run has one or two dozen of them."""

import sys
import time
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from fedrec.config.job_list import current_job
from fedrec.config.run_log import print_line, write_to_file
from fedrec.evaluation.quality import RANKINGS
from fedrec.interfaces import Callback, Evaluation, RoundResult, RunInfo

_LINES = 15  # of a run in its log, and without a terminal
_LINES_OF_A_JOB = 2  # of a sweep without a terminal: the first and some later ones; a line before and one after the job are there anyway
_SHORTEST_BAR, _LONGEST_BAR = 8, 60  # columns


class Progress(Callback):
    """Writes to standard error. A round costs less than a microsecond, because a thread draws the bar."""

    def __init__(self) -> None:
        self._job = current_job()
        self._name = self._job.name if self._job else ""
        self._n_rounds = self._round = self._before = 0  # before: rounds of earlier processes, which say nothing of the speed
        self._loss = float("nan")
        self._metrics: Mapping[str, float] = {}
        self._undefined: Collection[str] = ()
        self._started = 0.0  # seconds
        self._next_line = self._next_shown = 0.0  # round
        self._live: Live | None = None

    def on_run_start(self, info: RunInfo) -> None:
        """Tell the statistics of the data and start the clock."""
        self._n_rounds, self._undefined = info.n_rounds, info.undefined
        self._round = self._before = info.rounds_before
        self._next_line = self._before + 1  # the evaluations of earlier processes have been told
        console = Console(stderr=True)
        self._tell(described(info.statistics), is_shown=self._job is None)
        self._started = time.perf_counter()
        has_terminal = self._job is None or self._job.is_alone  # bars of several jobs would overwrite each other
        if has_terminal and console.is_interactive:  # it can move its cursor
            # the line with the results of a job takes the place of its bar
            self._live = Live(self, console=console, transient=bool(self._name))
            self._live.start(refresh=True)

    def on_round_end(self, result: RoundResult) -> None:
        self._round, self._loss = result.round, result.loss

    def on_evaluation(self, evaluation: Evaluation) -> None:
        """Show the metrics. Tell a line if enough rounds have passed since the last line."""
        self._metrics = evaluation.metrics
        if evaluation.round >= self._next_line or evaluation.round == self._n_rounds:
            self._next_line = evaluation.round + self._n_rounds / _LINES
            is_shown = self._job is None or self._next_shown <= evaluation.round < self._n_rounds
            self._tell(_line(self._parts()), is_shown)
            if is_shown:
                self._next_shown = evaluation.round + self._n_rounds / _LINES_OF_A_JOB

    def on_run_end(self, status: str, summary: Mapping[str, Any]) -> Mapping[str, Any]:
        """Leave the bar as it is."""
        if self._live is not None:
            self._live.stop()
        return {}

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the bar. Where it has no room, it goes first, then the speed, the loss, the metrics, and never the time left."""
        round, loss, metrics, speed, left = self._parts()
        for parts in ((round, loss, metrics, speed, left), (round, loss, metrics, left), (round, metrics, left), (round, left), (left,)):
            line = _line((self._name, *parts))
            if len(line) <= options.max_width:
                break
        if (room := options.max_width - len(line) - 1) < _SHORTEST_BAR:
            yield Text(line, no_wrap=True, overflow="crop")
            return
        row = Table.grid(padding=(0, 1))
        row.add_row(ProgressBar(self._n_rounds, self._round, width=min(room, _LONGEST_BAR)), Text(line, no_wrap=True))
        yield row

    def _tell(self, line: str, is_shown: bool = True) -> None:
        """Write a line to the log, and if it is shown, to standard error unless a bar is there."""
        write_to_file(line)
        if self._live is None and is_shown:
            print_line(f"{self._name}: {line}" if self._name else line, sys.stderr)

    def _parts(self) -> tuple[str, str, str, str, str]:
        """Return round, loss, metrics, speed and time left."""
        speed = (self._round - self._before) / max(time.perf_counter() - self._started, 1e-9)
        left = timedelta(seconds=round((self._n_rounds - self._round) / speed)) if speed else "?"
        metrics = headline(self._metrics, self._undefined)
        loss = f"loss {self._loss:.4f}" if self._round > self._before else ""
        return f"round {self._round}/{self._n_rounds}", loss, metrics, f"{speed:.1f} rounds/s", f"{left} left"


def _line(parts: Iterable[str]) -> str:
    return "  ".join(filter(None, parts))


def described(statistics: Mapping[str, float]) -> str:
    """Return a data set's row of Table VIII as text.

    >>> described({"users": 943, "items": 1682, "interactions": 100000, "rate": 106.04, "sparsity": 0.936953})
    'data: 943 users, 1,682 items, 100,000 interactions (106 per user, sparsity 93.70 %)'
    """
    counts = ", ".join(f"{statistics[name]:,.0f} {name}" for name in ("users", "items", "interactions"))
    return f"data: {counts} ({statistics['rate']:.0f} per user, sparsity {100 * statistics['sparsity']:.2f} %)"


def headline(metrics: Mapping[str, float], undefined: Collection[str] = ()) -> str:
    """Return ER@10 and HR@10, or the first ranking there is; of a kind that lacks K = 10, the first K. `undefined` have no value.

    >>> headline({"ER@5": 0.5, "ER@10": 0.25, "HR@20": 0.75})
    'ER@10 0.2500  HR@20 0.7500'
    >>> headline({"HR@10": 0.75}, {"ER@5": "", "ER@10": ""})
    'ER@10 n/a  HR@10 0.7500'
    >>> headline({"full_MRR@10": 0.25, "NDCG@10": 0.5})
    'NDCG@10 0.5000'
    """
    chosen, everything = [], (*metrics, *undefined)
    kinds = [kind for kind in RANKINGS if any(name.startswith(f"{kind}@") for name in everything)]
    for kind in ("ER", *kinds[:1]):
        names = [name for name in everything if name.startswith(f"{kind}@")]
        chosen += [f"{kind}@10"] if f"{kind}@10" in names else names[:1]
    return "  ".join(f"{name} {metrics[name]:.4f}" if name in metrics else f"{name} n/a" for name in chosen)
