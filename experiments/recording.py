"""What the tables and figures need of a run, as plain numbers that fit in a table."""

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from fedrec.campaigns.measuring import Recorder
from fedrec.interfaces import Evaluation, RoundResult, RunInfo, Status
from fedrec.tracking.delta_norm import leading_ranks

_DIGITS = 6


@dataclass
class Record(Recorder):
    """Collects `result`, which is complete once the run has ended."""

    snapshot_rounds: tuple[int, ...] = ()  # rounds whose items with the largest Delta-Norm (Eq. 7) are kept
    curves: tuple[str, ...] = ("ER@5", "ER@10", "ER@20", "HR@10")  # kept of every evaluation: any rule can be applied to them later
    result: dict[str, Any] = field(default_factory=dict, init=False)
    _delta_norm: dict[str, list[int]] = field(default_factory=dict, init=False)  # round -> popularity ranks of the items that changed most

    def on_run_start(self, info: RunInfo) -> None:
        super().on_run_start(info)
        self._ranks = info.popularity_ranks
        counts, items = torch.unique(info.popularity, return_counts=True)
        self.result |= {
            "delta_norm": self._delta_norm,
            "curve": {name: [] for name in ("epoch", *self.curves)},
            "targets": info.target_ids,
            "target_ranks": info.popularity_ranks[list(info.target_items)].tolist(),
            "popularity": [counts.tolist(), items.tolist()],  # numbers of interactions, and how many items have each
        }

    def on_round_end(self, result: RoundResult) -> None:
        if result.round in self.snapshot_rounds:
            ranks = leading_ranks(result.delta_norm.cpu().numpy(), self._ranks.numpy())
            self._delta_norm[str(result.round)] = ranks.tolist()

    def on_evaluation(self, evaluation: Evaluation) -> None:
        curve = self.result["curve"]
        curve["epoch"].append(evaluation.epoch)
        for name in self.curves:
            curve[name].append(round(evaluation.metrics[name], _DIGITS))

    def state_dict(self) -> dict[str, Any]:
        return {"delta_norm": dict(self._delta_norm)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._delta_norm = dict(state["delta_norm"])

    def on_run_end(self, status: Status, summary: Mapping[str, Any]) -> Mapping[str, Any]:
        kept = ("dataset", "malicious_clients", "rounds", "seconds")
        found = {rule: summary[rule] for rule in ("best", "final") if summary[rule]}  # a run that failed may have no evaluation
        selected = {rule: {name: round(value, _DIGITS) for name, value in values.items()} for rule, values in found.items()}
        self.result |= {**{name: summary[name] for name in kept}, **selected, "torch": torch.__version__, "machine": machine()}
        return {}


def machine() -> str:
    """Return the number of cores, the processor and, if there is one, the GPU."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{os.cpu_count()} cores of {model}{gpu}"
