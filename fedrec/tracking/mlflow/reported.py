"""What a summary reports, as MLflow takes it: the metrics that people sort runs by, and everything else as tags.

The process that writes to MLflow imports this, so it imports neither Hydra nor torch.
"""

import json
import math
import re
from collections.abc import Collection, Mapping
from typing import Any

from fedrec.evaluation.degradation import DEGRADATION
from fedrec.evaluation.epoch_selection import EVALUATIONS, exposure_of

TOTAL = "seconds/total"  # metric
REVISION = ("mlflow.source.git.commit", "mlflow.source.git.dirty", "git_changes")  # tags
LONGEST_TAG = 5000  # limits of MLflow
_LONGEST_KEY = 250
_TAGS = {"dataset": "data_statistics", "seconds": "seconds"}  # groups of numbers in a summary -> the tag that holds them


def metric_name(name: str) -> str:
    """Return the name under which MLflow accepts a metric.

    >>> metric_name("ER@10")
    'ER_at_10'
    """
    return re.sub(r"[^\w\-./: ]", "_", name.replace("@", "_at_"))[:_LONGEST_KEY]


def measures(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the two metrics that say most about a run: `exposure`, and `quality`, which is HR@K if that is measured.

    >>> measures({"evaluation": {"selection": "full_HR@5", "metrics": ["ER", "HR"]}})
    {'exposure': 'ER@5', 'quality': 'HR@5'}
    """
    evaluation = config.get("evaluation") or {}
    selection = evaluation.get("selection", "HR@10")
    exposure = exposure_of(selection)
    return {"exposure": exposure, "quality": exposure.replace("ER", "HR") if "HR" in evaluation.get("metrics", ["HR"]) else selection}


def numbers(summary: Mapping[str, Any], measured: Collection[str]) -> dict[str, float]:
    """Return the numbers of a summary that are metrics.

    They are what each rule reports of the metrics that are `measured`, the share of them that an attack destroys, `exposed`, and the time.

    >>> numbers({"best": {"ER@10": 0.5, "ER@5": 0.25}, "rounds": 4, "seconds": {"total": 2.0}, "validation": None}, ["ER@10"])
    {'best/ER_at_10': 0.5, 'seconds/total': 2.0}
    """
    values = {f"{rule}/{name}": (summary.get(rule) or {}).get(name) for rule in (*EVALUATIONS, DEGRADATION) for name in measured}
    values |= {"exposed": summary.get("exposed"), TOTAL: summary.get("seconds", {}).get("total")}
    return {metric_name(name): float(value) for name, value in values.items() if isinstance(value, int | float) and math.isfinite(value)}


def facts(summary: Mapping[str, Any]) -> dict[str, str]:
    """Return everything else that a summary tells in numbers, as tags: MLflow would draw a chart with one point for each metric.

    >>> facts({"best": {"ER@10": 0.5, "epoch": 2}, "rounds": 4, "config": {"seed": 1}, "validation": None})
    {'best': '{"ER@10": 0.5, "epoch": 2}', 'rounds': '4'}
    """
    told = {name: value for name, value in summary.items() if name != "config" and type(value) in (int, float)}
    groups = {_TAGS.get(name, name): summary[name] for name in (*EVALUATIONS, DEGRADATION, *_TAGS) if summary.get(name)}
    return {name: json.dumps(value)[:LONGEST_TAG] for name, value in (groups | told).items() if name != "exposed"}
