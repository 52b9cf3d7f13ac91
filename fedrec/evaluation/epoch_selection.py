"""Which evaluations of a run are reported: `best`, `final` and `validation`.

best: the epoch with the highest `selection` metric on the test item, the rule behind the paper's tables. final: the last epoch.
validation: the epoch with the highest `selection` metric on the validation item, which does not peek at the test item; None without
such an item. The earliest epoch wins a tie.
"""

from collections.abc import Sequence
from typing import Any

from fedrec.interfaces import Evaluation


def select(evaluations: Sequence[Evaluation], selection: str) -> dict[str, Any]:
    """Return the evaluation that each rule chooses, flat, with its round and epoch."""
    if not evaluations:
        return {"best": None, "final": None, "validation": None}
    validation = [one for one in evaluations if f"validation_{selection}" in one.metrics]
    return {
        "best": _flat(max(evaluations, key=lambda one: one.metrics[selection])),
        "final": _flat(evaluations[-1]),
        "validation": _flat(max(validation, key=lambda one: one.metrics[f"validation_{selection}"])) if validation else None,
    }


def _flat(evaluation: Evaluation) -> dict[str, float]:
    return {"round": evaluation.round, "epoch": evaluation.epoch, **evaluation.metrics}
