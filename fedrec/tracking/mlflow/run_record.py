"""What is told about a run besides its metrics: its names, parameters, tags and git revision, as the flat text that MLflow takes."""

import json
import math
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

GROUPS = ("attack", "defense", "model", "dataset")
_LONGEST_KEY = 250  # limits of MLflow
_LONGEST_PARAMETER = 6000


def metric_name(name: str) -> str:
    """
    The name under which MLflow accepts a metric.

    >>> metric_name("ER@10")
    'ER_at_10'
    """
    return re.sub(r"[^\w\-./: ]", "_", name.replace("@", "_at_"))[:_LONGEST_KEY]


def parameters(config: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """
    The configuration with dotted keys; lists as JSON, texts cut to what MLflow takes.

    >>> parameters({"seed": 0, "attack": {"N": 50, "targets": [3, 4]}})
    {'seed': '0', 'attack.N': '50', 'attack.targets': '[3, 4]'}
    """
    flat: dict[str, str] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            flat |= parameters(value, f"{name}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, default=str)
            flat[metric_name(name)] = text[:_LONGEST_PARAMETER]
    return flat


def names(config: Mapping[str, Any]) -> dict[str, str]:
    """
    Which attack, defense, model and dataset this run has: Hydra's choice if `config` holds it, else the module of the class.

    >>> names({"attack": {"_target_": "fedrec.attacks.pieck_uea.PieckUEA"}, "defense": {}, "choices": {"model": "mf"}})
    {'attack': 'pieck_uea', 'defense': 'none', 'model': 'mf', 'dataset': 'none'}
    """
    choices = config.get("choices") or {}
    return {group: _text(choices[group]) if group in choices else _module(config.get(group)) for group in GROUPS}


def run_name(config: Mapping[str, Any]) -> str:
    """<attack>-<defense>-<model>-<dataset>-seed<seed>."""
    return "-".join((*names(config).values(), f"seed{config.get('seed')}"))


def numbers(summary: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """
    Every number of a summary but those of its configuration, as metrics.

    >>> numbers({"best": {"ER@10": 0.5}, "rounds": 4, "config": {"seed": 1}, "validation": None})
    {'best/ER_at_10': 0.5, 'rounds': 4.0}
    """
    flat: dict[str, float] = {}
    for key, value in summary.items():
        if isinstance(value, Mapping) and key != "config":
            flat |= numbers(value, f"{prefix}{key}/")
        elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            flat[metric_name(f"{prefix}{key}")] = float(value)
    return flat


def git_tags(folder: Path) -> dict[str, str]:
    """Commit of the checkout `folder` and whether it was changed since; empty if it is no checkout."""
    if not (folder / ".git").exists():
        return {}
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return {}
    return {"mlflow.source.git.commit": commit, "mlflow.source.git.dirty": str(bool(changed)).lower()}


def _git(folder: Path, *arguments: str) -> str:
    command = ("git", "-C", str(folder), *arguments)
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()


def _text(choice: Any) -> str:
    return choice if isinstance(choice, str) else "+".join(map(str, choice)) if choice else "none"


def _module(node: Any) -> str:
    """Name of the module of a node's class; a node may hold its classes one level down (the halves of a defense)."""
    if not isinstance(node, Mapping):
        return "none"
    target = node.get("_target_")
    targets = [target] if target else [part["_target_"] for part in node.values() if isinstance(part, Mapping) and "_target_" in part]
    return "+".join(name.split(".")[-2] if "." in name else name for name in targets) or "none"
