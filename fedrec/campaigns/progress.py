"""Shows how far a campaign is, and the time left, while workers in other processes measure."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from threading import Event, Thread

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from fedrec.campaigns.cells import Cell
from fedrec.campaigns.estimates import Estimates
from fedrec.campaigns.store import Result, Store

_PAUSE = 2.0  # seconds between two looks into the store
_COLUMNS = (BarColumn(), TextColumn("{task.fields[count]}"), TimeElapsedColumn(), TextColumn("{task.fields[left]} left"))


@contextmanager
def shown(store: Store, cells: Sequence[Cell], estimates: Estimates, workers: int) -> Iterator[None]:
    """Show a bar with the time left, and print a line for every run that ends."""
    ended = Event()
    with Progress(SpinnerColumn(), *_COLUMNS, TextColumn("{task.description}"), console=Console(stderr=True)) as bar:
        total, started, open_cells = sum(map(estimates.seconds, cells)), time.monotonic(), {cell.key: cell for cell in cells}
        task = bar.add_task("", total=total, count=f"0/{len(cells)}", left="?")

        def look() -> None:
            with suppress(Exception):  # a busy database may be asked again
                for key, result in store.results().items():
                    if cell := open_cells.pop(key, None):
                        bar.console.print(_line(cell, result), highlight=False, markup=False, soft_wrap=True)
                for cell, _ in store.failures(tuple(open_cells.values())):
                    del open_cells[cell.key]
                done = total - sum(map(estimates.seconds, open_cells.values()))
                pace = (time.monotonic() - started) * workers / done if done else 1.0  # of this machine, against the estimates
                left = timedelta(seconds=round(estimates.total(open_cells.values(), workers) * pace))
                count = f"{len(cells) - len(open_cells)}/{len(cells)}"
                bar.update(task, completed=done, count=count, left=str(left), description=escape("; ".join(store.running())))

        def follow() -> None:
            while not ended.wait(_PAUSE):
                look()

        thread = Thread(target=follow, name="fedrec-progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            look()


def _line(cell: Cell, result: Result) -> str:
    best = result.get("best") or {}
    said = [f"{name} {best[name]:.2%}" for name in ("ER@10", "HR@10") if name in best]
    return f"{cell.title}: {', '.join([*said, *(['diverged'] if 'diverged' in result else [])])} ({result['seconds']['total']:.1f} s)"
