"""What a run reports beside its best epoch, from the curves that are kept of it: ER@10 may swing from 0 to 100 % between two epochs.

Computed from the curves and not stored, so that runs of every age have it. The rules are those of fedrec/evaluation/epoch_selection.py.
"""

from collections.abc import Mapping
from statistics import mean
from typing import Any

from fedrec.evaluation.epoch_selection import NEAR

EXPOSED_ABOVE = 0.01  # share of users, the default of evaluation.exposed_above

Run = Mapping[str, Any]  # what `Record` keeps of a run


def near_best(run: Run) -> dict[str, float]:
    """Return the mean of every kept metric over the evaluations within `NEAR` epochs of the best, and the best epoch."""
    epochs, best = run["curve"]["epoch"], run["best"]["epoch"]
    near = [place for place, epoch in enumerate(epochs) if abs(epoch - best) <= NEAR]
    return {"epoch": best, **{metric: mean(values[place] for place in near) for metric, values in _curves(run).items()}}


def peak(run: Run) -> dict[str, float]:
    """Return every kept metric at the first epoch with the largest ER@10, and that epoch."""
    exposure = run["curve"]["ER@10"]
    place = exposure.index(max(exposure))
    return {"epoch": run["curve"]["epoch"][place], **{metric: values[place] for metric, values in _curves(run).items()}}


def exposed(run: Run) -> dict[str, float]:
    """Return, for every kept ER@K, the share of evaluations in which it is above `EXPOSED_ABOVE`."""
    return {metric: mean(value > EXPOSED_ABOVE for value in values) for metric, values in _curves(run).items() if metric.startswith("ER@")}


def _curves(run: Run) -> dict[str, list[float]]:
    return {name: values for name, values in run["curve"].items() if name != "epoch"}
