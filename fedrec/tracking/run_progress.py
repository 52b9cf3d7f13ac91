"""How far a run is, for the person who waits: a bar on a terminal, else one or two dozen plain lines."""

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fedrec.interfaces import Callback, Evaluation, RoundResult, RunInfo

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

_LINES = 15  # of a run without a terminal
_REFRESHES = 4  # of the bar, per second


class Progress(Callback):
    """Writes to standard error. A round costs less than a microsecond: a thread draws the bar from what it finds here."""

    def __init__(self) -> None:
        self._n_rounds = 0
        self._round = 0
        self._loss = float("nan")
        self._metrics: Mapping[str, float] = {}
        self._begin = 0.0
        self._next_line = 0.0  # round
        self._live: Live | None = None

    def on_run_start(self, info: RunInfo) -> None:
        """Print the statistics of the data, begin to count."""
        self._n_rounds = info.n_rounds
        print(described(info.statistics), file=sys.stderr, flush=True)
        self._begin = time.perf_counter()
        if sys.stderr.isatty():
            self._live = _bar(self)
            self._live.start()

    def on_round_end(self, result: RoundResult) -> None:
        self._round, self._loss = result.round, result.loss

    def on_evaluation(self, evaluation: Evaluation) -> None:
        """Show the metrics; without a terminal as a line, if the last one is long enough ago."""
        self._metrics = evaluation.metrics
        if self._live is None and (evaluation.round >= self._next_line or evaluation.round == self._n_rounds):
            self._next_line = evaluation.round + self._n_rounds / _LINES
            print(self.line(), file=sys.stderr, flush=True)

    def on_run_end(self, status: str, summary: Mapping[str, Any]) -> Mapping[str, Any]:
        """Leave the bar as it is."""
        if self._live is not None:
            self._live.stop()
            self._live = None
        return {}

    @property
    def completed(self) -> int:
        return self._round

    @property
    def total(self) -> int:
        return self._n_rounds

    def line(self) -> str:
        """Round, loss, metrics, speed, time left."""
        speed = self._round / max(time.perf_counter() - self._begin, 1e-9)
        left = (self._n_rounds - self._round) / speed if speed else 0.0
        parts = [
            f"round {self._round}/{self._n_rounds}",
            f"loss {self._loss:.4f}",
            headline(self._metrics),
            f"{speed:.1f} rounds/s",
            f"{clock(left)} left",
        ]
        return "  ".join(filter(None, parts))


def described(statistics: Mapping[str, float]) -> str:
    """A data set's row of Table VIII.

    >>> described({"users": 943, "items": 1682, "interactions": 100000, "rate": 106.04, "sparsity": 0.936953})
    'data: 943 users, 1,682 items, 100,000 interactions (106 per user, sparsity 93.70 %)'
    """
    counts = ", ".join(f"{statistics[name]:,.0f} {name}" for name in ("users", "items", "interactions"))
    return f"data: {counts} ({statistics['rate']:.0f} per user, sparsity {100 * statistics['sparsity']:.2f} %)"


def headline(metrics: Mapping[str, float]) -> str:
    """
    ER@10 and HR@10, or the first of their kind.

    >>> headline({"ER@5": 0.5, "ER@10": 0.25, "HR@20": 0.75})
    'ER@10 0.2500  HR@20 0.7500'
    """
    chosen = []
    for kind in ("ER", "HR"):
        names = [name for name in metrics if name.startswith(f"{kind}@")]
        chosen += [f"{kind}@10"] if f"{kind}@10" in names else names[:1]
    return "  ".join(f"{name} {metrics[name]:.4f}" for name in chosen)


def clock(seconds: float) -> str:
    """
    >>> clock(3725)
    '1:02:05'
    """
    minutes, second = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{second:02}"


def _bar(progress: Progress) -> "Live":
    from rich.console import Console
    from rich.live import Live
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    def draw() -> "RenderableType":
        row = Table.grid(expand=True, padding=(0, 1))
        row.add_column(min_width=8, ratio=1)
        row.add_column(no_wrap=True, overflow="ellipsis")
        row.add_row(ProgressBar(total=progress.total, completed=progress.completed), progress.line())
        return row

    return Live(get_renderable=draw, console=Console(stderr=True), refresh_per_second=_REFRESHES)
