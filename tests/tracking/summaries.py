"""Summaries of runs, as summary.json holds them."""

from typing import Any

from fedrec.evaluation.epoch_selection import select
from fedrec.interfaces import Evaluation

Rows = list[dict[str, float]]


def ended(attack: str = "pieck_uea", defense: str = "ours", rows: Rows | None = None, **facts: Any) -> dict[str, Any]:
    """A run with an evaluation in every epoch, of four rounds each; what `facts` says of the evaluation's options goes there."""
    options = {"selection": "HR@10", "exposed_above": 0.01, "exposed_users": "untrained"}
    options |= {name: facts.pop(name) for name in options.keys() & facts.keys()}
    rows = [{"ER@10": 0.0, "HR@10": 0.59}] if rows is None else rows
    evaluations = [Evaluation(4 * epoch, epoch, metrics) for epoch, metrics in enumerate(rows, 1)]
    return {
        "status": "FINISHED",
        "config": {"choices": {"attack": attack, "defense": defense}, "evaluation": options},
        "dataset": {"users": 943},
        "target_items": [1494],
        "target_titles": None,
        "malicious_clients": 49 * (attack != "none"),
        "rounds": 4 * len(rows),
        "evaluations": len(rows),
        "undefined": {},
        "degradation": None,
        **select(evaluations, str(options["selection"]), float(options["exposed_above"])),
        "seconds": {"total": 99.9, "train": 88.8, "evaluate": 7.0, "track": 1.1, "checkpoint": 3.0},
        "peak_memory_mb": 312.4,
        **facts,
    }


WITHOUT = {"name": "no attack · ours · seed 0", "folder": "references/ab12", "epoch": 7, "HR@10": 0.5, "NDCG@10": 0.25}


def untargeted(lost: float = 0.75, **facts: Any) -> dict[str, Any]:
    """A run of an untargeted attack that destroys a share of HR@10 and of NDCG@10."""
    rows: Rows = [{"HR@10": 0.5 * (1 - lost), "NDCG@10": 0.25 * (1 - lost)}]
    own = {"attack": "spattack", "rows": rows, "target_items": [], "degradation": {"HR@10": lost, "NDCG@10": lost, "without": WITHOUT}}
    return ended(**{**own, **facts})
