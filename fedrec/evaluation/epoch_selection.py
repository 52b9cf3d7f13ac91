"""What a run reports of all its evaluations. One epoch alone says little about an exposure that swings from epoch to epoch.

best: the epoch with the highest `selection` metric on the test item, the rule behind the paper's tables. near_best: means over the
evaluations within `NEAR` epochs of it. validation: the epoch with the highest `selection` metric on the validation item, which does not
peek at the test item; None without such an item. peak: the epoch with the highest ER@K. final: the last epoch. exposed: the share of
evaluations with ER@K above `exposed_above`. K is that of `selection`; peak and exposed are None if ER was not measured. The earliest
epoch wins a tie.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # it imports torch, which the process that writes to MLflow does not need
    from fedrec.interfaces import Evaluation

EVALUATIONS = ("best", "near_best", "validation", "peak", "final")  # the rules that report metrics, in the order of the tables
NEAR = 5  # epochs


def select(evaluations: Sequence["Evaluation"], selection: str, exposed_above: float) -> dict[str, Any]:
    """Return what each rule reports: flat metrics with their round and epoch, and `exposed`, a share in [0, 1]."""
    if not evaluations:
        return {**dict.fromkeys(EVALUATIONS), "exposed": None}
    validation = [one for one in evaluations if f"validation_{selection}" in one.metrics]
    exposure = exposure_of(selection)
    exposed = [one for one in evaluations if exposure in one.metrics]
    best = _highest(evaluations, selection)
    return {
        "best": _flat(best),
        "near_best": _near(evaluations, best.epoch),
        "validation": _flat(_highest(validation, f"validation_{selection}")) if validation else None,
        "peak": _flat(_highest(exposed, exposure)) if exposed else None,
        "final": _flat(evaluations[-1]),
        "exposed": sum(one.metrics[exposure] > exposed_above for one in exposed) / len(exposed) if exposed else None,
    }


def exposure_of(selection: str) -> str:
    """Return the name of ER@K with the K of a selection metric.

    >>> exposure_of("full_HR@5")
    'ER@5'
    """
    return f"ER@{selection.split('@')[1]}"


def _highest(evaluations: Sequence["Evaluation"], metric: str) -> "Evaluation":
    return max(evaluations, key=lambda one: one.metrics[metric])


def _flat(evaluation: "Evaluation") -> dict[str, float]:
    return {"round": evaluation.round, "epoch": evaluation.epoch, **evaluation.metrics}


def _near(evaluations: Sequence["Evaluation"], epoch: int) -> dict[str, float]:
    """Return the mean of every metric around an epoch, over the evaluations that have it, and how many evaluations there are."""
    near = [one.metrics for one in evaluations if abs(one.epoch - epoch) <= NEAR]
    names = dict.fromkeys(name for metrics in near for name in metrics)
    columns = {name: [metrics[name] for metrics in near if name in metrics] for name in names}
    return {"epoch": epoch, "evaluations": len(near), **{name: sum(values) / len(values) for name, values in columns.items()}}
