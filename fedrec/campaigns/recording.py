"""What is kept of a run: all that a table or a figure of the paper may need, as plain numbers."""

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from fedrec.interfaces import Callback, Evaluation, RoundResult, RunInfo, Status
from fedrec.tracking.delta_norm import leading_ranks

SNAPSHOT_ROUNDS = (4, 8, 20, 80)  # Fig. 4
CURVES = ("ER@10", "HR@10")
_DIGITS = 6


class Record(Callback):
    """`result` is complete once the run has ended."""

    def __init__(self) -> None:
        self.result: dict[str, Any] = {"delta_norm": {}, "curve": {name: [] for name in ("epoch", *CURVES)}}

    def on_run_start(self, info: RunInfo) -> None:
        self._ranks = info.popularity_ranks
        counts, items = torch.unique(info.popularity, return_counts=True)
        self.result |= {
            "targets": list(info.target_items),
            "target_ranks": info.popularity_ranks[list(info.target_items)].tolist(),
            "popularity": [counts.tolist(), items.tolist()],  # so many items have so many interactions
        }

    def on_round_end(self, result: RoundResult) -> None:
        if result.round in SNAPSHOT_ROUNDS:
            ranks = leading_ranks(result.delta_norm.cpu().numpy(), self._ranks.numpy())
            self.result["delta_norm"][str(result.round)] = ranks.tolist()

    def on_evaluation(self, evaluation: Evaluation) -> None:
        curve = self.result["curve"]
        curve["epoch"].append(evaluation.epoch)
        for name in CURVES:
            curve[name].append(round(evaluation.metrics[name], _DIGITS))

    def on_run_end(self, status: Status, summary: Mapping[str, Any]) -> Mapping[str, Any]:
        kept = ("dataset", "malicious_clients", "rounds", "seconds")
        selected = {rule: {name: round(value, _DIGITS) for name, value in summary[rule].items()} for rule in ("best", "final")}
        self.result |= {**{name: summary[name] for name in kept}, **selected, "torch": torch.__version__, "machine": machine()}
        return {}


def machine() -> str:
    """Processor and number of cores, and the GPU if there is one."""
    try:
        model = next(
            line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")
        )
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{os.cpu_count()} cores of {model}{gpu}"
