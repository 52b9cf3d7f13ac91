"""What MLflow is told about a run besides its metrics: name, parameters, tags, data set, git revision, as the flat text that it takes."""

import getpass
import json
import math
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fedrec.tracking.mlflow.store_uri import without_password

if TYPE_CHECKING:
    from fedrec.interfaces import RunInfo

_GROUPS = ("attack", "defense", "model", "dataset")
_LONGEST_KEY = 250  # limits of MLflow
_LONGEST_PARAMETER = 6000
_LONGEST_DIGEST = 36


def describe(info: "RunInfo", run_name: str | None, tags: Mapping[str, object]) -> dict[str, Any]:
    """Return what `StoredRun` writes about the run of `info`; without a `run_name` it is `default_run_name`."""
    chosen = names(info.config)
    own_tags = {
        "mlflow.user": _user(),
        "mlflow.source.name": "fedrec.main",
        "mlflow.source.type": "LOCAL",
        "data_checksum": info.data_checksum,
    }
    return {
        "run_name": run_name or default_run_name(info.config),
        "tags": {**own_tags, **chosen, **{name: str(value) for name, value in tags.items()}},
        "parameters": {name: without_password(value) for name, value in parameters(info.config).items()},
        "dataset": {
            "name": chosen["dataset"],
            "digest": info.data_checksum[:_LONGEST_DIGEST],
            "source_type": "fedrec",
            "source": json.dumps(info.config.get("dataset", {}), default=str),
            "profile": json.dumps(plain(info.statistics)),
        },
    }


def metric_name(name: str) -> str:
    """
    Return the name under which MLflow accepts a metric.

    >>> metric_name("ER@10")
    'ER_at_10'
    """
    return re.sub(r"[^\w\-./: ]", "_", name.replace("@", "_at_"))[:_LONGEST_KEY]


def parameters(config: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """
    Return the configuration with dotted keys, lists as JSON and texts cut to what MLflow takes.

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
    Return the attack, defense, model and dataset of a run: Hydra's choice if `config` holds it, else the module of the class.

    >>> names({"attack": {"_target_": "fedrec.attacks.pieck_uea.PieckUEA"}, "defense": {}, "choices": {"model": "mf"}})
    {'attack': 'pieck_uea', 'defense': 'none', 'model': 'mf', 'dataset': 'none'}
    """
    choices = config.get("choices") or {}
    return {group: _text(choices[group]) if group in choices else _module(config.get(group)) for group in _GROUPS}


def default_run_name(config: Mapping[str, Any]) -> str:
    """Return <attack>-<defense>-<model>-<dataset>-seed<seed>."""
    return "-".join((*names(config).values(), f"seed{config.get('seed')}"))


def numbers(summary: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """
    Return every finite number of a summary as a metric, except those of the configuration.

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


def plain(values: Mapping[str, Any]) -> Any:
    """Return `values` as JSON can hold them: numbers of NumPy and PyTorch as numbers, anything unknown as text."""
    return json.loads(json.dumps(dict(values), default=lambda value: value.item() if hasattr(value, "item") else str(value)))


def git_tags(folder: Path) -> dict[str, str]:
    """Return the commit of the checkout `folder` and whether its files have changed since; empty if it is no checkout."""
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


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container that knows no user names
        return "unknown"


def _text(choice: Any) -> str:
    return choice if isinstance(choice, str) else "+".join(map(str, choice)) if choice else "none"


def _module(node: Any) -> str:
    """Return the module of a node's class. A node may hold its classes one level down, as the halves of a defense."""
    if not isinstance(node, Mapping):
        return "none"
    target = node.get("_target_")
    targets = [target] if target else [part["_target_"] for part in node.values() if isinstance(part, Mapping) and "_target_" in part]
    return "+".join(name.split(".")[-2] if "." in name else name for name in targets) or "none"
