"""Planners as `python -m experiments.paper` makes them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fedrec.campaigns.cells import Planner
from fedrec.config.compose import initialized

TINY = ("dataset=synthetic", "dataset.users=40", "dataset.items=60", "dataset.interactions=600", "system.epochs=2", "tracking=none")


def two(dataset: str) -> range:
    """Return two seeds, whatever the data set."""
    return range(2)


@contextmanager
def planner(folder: Path, *arguments: str) -> Iterator[Planner]:
    """Initialise Hydra and make a planner of runs in a folder, on the CPU."""
    with initialized():
        yield Planner.of(folder, (), ["device=cpu", *arguments], {}, "experiments.recording")
