"""Shows how far the measuring is, while workers in other processes do it."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from threading import Event, Thread

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from fedrec.campaigns.cells import Cell
from fedrec.campaigns.estimates import Estimates
from fedrec.campaigns.store import Result, Store

_PAUSE = 2.0  # seconds between two looks into the store


@contextmanager
def shown(store: Store, cells: Sequence[Cell], estimates: Estimates, workers: int) -> Iterator[None]:
    """A bar with the time left, and a line for every run that ends."""
    ended = Event()
    columns = (
        SpinnerColumn(),
        BarColumn(),
        TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]} left"),
    )
    with Progress(*columns, TextColumn("{task.description}"), console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=sum(map(estimates.seconds, cells)), count=f"0/{len(cells)}", left="?")
        started, open_cells = time.monotonic(), {cell.key: cell for cell in cells}

        def look() -> None:
            with suppress(Exception):  # a busy database may be asked again
                for key, result in store.results().items():
                    if cell := open_cells.pop(key, None):
                        bar.console.print(_line(cell, result), highlight=False, soft_wrap=True)
                for cell, _ in store.failures(tuple(open_cells.values())):
                    del open_cells[cell.key]
                left = estimates.total(open_cells.values(), workers)
                done = sum(map(estimates.seconds, cells)) - sum(map(estimates.seconds, open_cells.values()))
                pace = (time.monotonic() - started) * workers / done if done else 1.0  # of this machine, against the estimates
                count, time_left = f"{len(cells) - len(open_cells)}/{len(cells)}", str(timedelta(seconds=round(left * pace)))
                bar.update(task, completed=done, count=count, left=time_left, description="; ".join(store.running()))

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
    best = result["best"]
    return f"{cell.title}: ER@10 {best['ER@10']:.2%}, HR@10 {best['HR@10']:.2%} ({result['seconds']['total']:.1f} s)"
