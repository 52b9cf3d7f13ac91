"""Shows whoever waits how far a run is: a bar on a terminal, else one or two dozen plain lines."""

import sys
import time
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from fedrec.evaluation.quality import RANKINGS
from fedrec.interfaces import Callback, Evaluation, RoundResult, RunInfo

_LINES = 15  # of a run without a terminal


class Progress(Callback):
    """Writes to standard error. A round costs less than a microsecond, because a thread draws the bar."""

    def __init__(self) -> None:
        self._n_rounds = self._round = self._before = 0  # before: rounds of earlier processes, which say nothing of the speed
        self._loss = float("nan")
        self._metrics: Mapping[str, float] = {}
        self._undefined: Collection[str] = ()
        self._started = 0.0  # seconds
        self._next_line = 0.0  # round
        self._live: Live | None = None

    def on_run_start(self, info: RunInfo) -> None:
        """Print the statistics of the data and start the clock."""
        self._n_rounds, self._undefined = info.n_rounds, info.undefined
        self._round = self._before = info.rounds_before
        self._next_line = self._before + 1  # the evaluations of earlier processes have been shown
        print(described(info.statistics), file=sys.stderr, flush=True)
        self._started = time.perf_counter()
        if sys.stderr.isatty():
            self._live = Live(get_renderable=self._bar, console=Console(stderr=True))
            self._live.start()

    def on_round_end(self, result: RoundResult) -> None:
        self._round, self._loss = result.round, result.loss

    def on_evaluation(self, evaluation: Evaluation) -> None:
        """Show the metrics. Without a terminal, print a line if enough rounds have passed since the last line."""
        self._metrics = evaluation.metrics
        if self._live is None and (evaluation.round >= self._next_line or evaluation.round == self._n_rounds):
            self._next_line = evaluation.round + self._n_rounds / _LINES
            print(self._line(), file=sys.stderr, flush=True)

    def on_run_end(self, status: str, summary: Mapping[str, Any]) -> Mapping[str, Any]:
        """Leave the bar as it is."""
        if self._live is not None:
            self._live.stop()
        return {}

    def _line(self) -> str:
        """Return round, loss, metrics, speed and time left."""
        speed = (self._round - self._before) / max(time.perf_counter() - self._started, 1e-9)
        left = timedelta(seconds=round((self._n_rounds - self._round) / speed if speed else 0))
        progress = f"round {self._round}/{self._n_rounds}  loss {self._loss:.4f}"
        return "  ".join(filter(None, (progress, headline(self._metrics, self._undefined), f"{speed:.1f} rounds/s", f"{left} left")))

    def _bar(self) -> Table:
        row = Table.grid(expand=True, padding=(0, 1))
        row.add_column(min_width=8, ratio=1)
        row.add_column(no_wrap=True, overflow="ellipsis")
        row.add_row(ProgressBar(total=self._n_rounds, completed=self._round), self._line())
        return row


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
