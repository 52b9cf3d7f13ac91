"""Small runs, as an experiment would tell a tracker of them."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fedrec.interfaces import Evaluation, ItemChanges, RoundResult, RunInfo
from fedrec.tracking.id_maps import ITEMS, USERS, write_id_maps
from fedrec.tracking.mlflow.tracker import MLflowTracker

N_ITEMS = 40
CONFIG: Mapping[str, Any] = {
    "seed": 3,
    "attack": {"_target_": "fedrec.attacks.pieck_uea.PieckUEA", "N": 50, "targets": [1, 2]},
    "defense": {"client": {"ours": {"_target_": "fedrec.defenses.ours.PopularityRegularizer", "beta": 1.0}}},
    "model": {"_target_": "fedrec.models.mf.MatrixFactorization", "dim": 32},
    "dataset": {"_target_": "fedrec.data.presplit.Presplit", "root": "x" * 7000},
    "choices": {"dataset": "tiny"},
    "many": {f"option_{number}": number for number in range(150)},
}
SUMMARY: Mapping[str, Any] = {
    "verdict": "The target item reaches the top 10 of 87.5 % of the users.",
    "config": CONFIG,
    "best": {"ER@10": 0.875, "HR@10": 0.5, "epoch": 2},
    "near_best": {"epoch": 2, "evaluations": 3, "ER@10": 0.25, "HR@10": 0.5},
    "validation": None,
    "peak": {"ER@10": 1.0, "HR@10": 0.0, "epoch": 1},
    "exposed": 0.75,
    "rounds": 6,
    "seconds": {"total": 1.5},
}


def left_in(folder: Path) -> set[str]:
    """What lies in the folder of a run beside the maps of ids, which stay there."""
    return {path.name for path in folder.iterdir()} - {ITEMS, USERS}


def wait_until(condition: Callable[[], Any], seconds: float = 300) -> None:
    """Wait for an event; the deadline is only there so that a test that fails also ends."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def tracker(**options: Any) -> MLflowTracker:
    defaults: dict[str, Any] = {"uri": "sqlite:///mlflow.db", "experiment": "trial", "run_name": None}
    return MLflowTracker(**defaults | {"every_round": True, "snapshot_rounds": [2], "snapshot_every": 4, "tags": {}} | options)


def info(folder: Path, n_rounds: int = 6) -> RunInfo:
    """What a tracker is told, with the maps of ids in the run's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    told = RunInfo(
        config=CONFIG,
        folder=folder,
        n_rounds=n_rounds,
        target_items=[1],
        item_ids=np.arange(N_ITEMS) * 100,
        item_titles=np.array([f"Title {number}" for number in range(N_ITEMS - 1)] + [None], object),
        popularity=torch.arange(N_ITEMS),
        popularity_ranks=torch.arange(N_ITEMS, 0, -1),
        user_ids=np.array([f"user {number}" for number in range(9)], object),
        user_interactions=torch.full((9,), 10),
        statistics={"users": 9, "items": N_ITEMS, "interactions": 90, "rate": 10.0, "sparsity": 0.5},
        data_checksum="c" * 64,
        undefined={},
    )
    write_id_maps(told)
    return told


def delta_norm(round: int) -> torch.Tensor:
    return torch.arange(N_ITEMS) * 0.5 + round


def result(round: int) -> RoundResult:
    """Every second round ends an epoch. The first of its two rounds has an attack."""
    telemetry = {"uploads": 10.0 * round, "seconds_training": float(round), **({"seconds_attack": 4.0 * round} if round % 2 else {})}
    return RoundResult(round, (round + 1) // 2, round % 2 == 0, 1 / round, ItemChanges(delta_norm(round), None, N_ITEMS), 0.25, telemetry)


def play(watcher: MLflowTracker, folder: Path, n_rounds: int = 6) -> None:
    """A run up to its last round, with an evaluation every second round."""
    watcher.on_run_start(info(folder, n_rounds))
    for round in range(1, n_rounds + 1):
        watcher.on_round_end(result(round))
        if round % 2 == 0:
            watcher.on_evaluation(Evaluation(round, round // 2, {"ER@10": round / 8, "HR@10": 0.5}))
