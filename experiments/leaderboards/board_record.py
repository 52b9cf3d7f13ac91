"""What the leaderboard keeps of a run, and what all runs that stand side by side must have in common."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch

from experiments.recording import machine
from fedrec.campaigns.measuring import Recorder
from fedrec.identity.run_identity import ALONE, digest, version_of
from fedrec.interfaces import RunInfo, Status

RULES = ("best", "near_best", "final")
METRICS = ("epoch", "ER@10", "HR@10", "NDCG@10")
SHARED = ("model", "system", "evaluation", "device")  # options of every run but its attack and its defense
_DIGITS = 6


@dataclass
class BoardRecord(Recorder):
    """Collects `result`, which is complete once the run has ended. A run that diverges says so, since that is a result of its own."""

    keeps_diverged: ClassVar[bool] = True
    result: dict[str, Any] = field(default_factory=dict, init=False)
    _started: float = field(default_factory=time.process_time, init=False)

    def on_run_start(self, info: RunInfo) -> None:
        super().on_run_start(info)
        self.result |= {"common": common(info.config, info.data_checksum), "targets": info.target_ids}

    def on_run_end(self, status: Status, summary: Mapping[str, Any]) -> Mapping[str, Any]:
        for rule in RULES:
            values = summary[rule] or {}  # a run that diverged early has none
            self.result[rule] = {name: round(values[name], _DIGITS) for name in METRICS if name in values}
        seconds = {**summary["seconds"], "cpu": round(time.process_time() - self._started, 3)}  # other programs hardly change the latter
        kept = {name: summary[name] for name in ("malicious_clients", "rounds")}
        self.result |= {**kept, "seconds": seconds, "torch": torch.__version__, "machine": machine()}
        return {}


def common(options: Mapping[str, Any], checksum: str) -> dict[str, str]:
    """Return digests of what a run depends on beside its attack, its defense and its seed: options by group, the data, and the code.

    `options` is a resolved configuration, and `checksum` that of the split.
    """
    counted = {name: options[name] for name in SHARED}
    counted["model"] = {name: value for name, value in counted["model"].items() if name != "save"}  # it changes no number
    code = version_of(counted, (*ALONE, __name__))
    return {**{name: digest(value) for name, value in counted.items()}, "data": checksum, "code": code}
