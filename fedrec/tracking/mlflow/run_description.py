"""What MLflow is told about a run besides its metrics: name, parameters, tags, data set, git revision, as the flat text that it takes."""

import functools
import getpass
import json
import math
import os
import re
import subprocess
import time
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fedrec.config.choices import names
from fedrec.config.run_name import run_name as name_of
from fedrec.config.secrets import masked
from fedrec.evaluation.epoch_selection import EVALUATIONS, exposure_of
from fedrec.tracking.id_maps import in_words

if TYPE_CHECKING:
    from fedrec.interfaces import RunInfo

TOTAL = "seconds/total"  # metric
_TAGS = {"dataset": "data_statistics", "seconds": "seconds"}  # groups of numbers in a summary -> the tag that holds them
PARENT, MULTIRUN = "FEDREC_PARENT_RUN", "FEDREC_MULTIRUN"  # variables of a job: the run that it lies below, and the folder of all jobs
_LONGEST_KEY = 250  # limits of MLflow
_LONGEST_PARAMETER = 6000
_LONGEST_TAG = 5000
_LONGEST_DIGEST = 36
_CHECKOUT = Path(__file__).parents[3]


def describe(info: "RunInfo", run_name: str | None, tags: Mapping[str, object]) -> dict[str, Any]:
    """Return what `StoredRun` writes about the run of `info`; under `run_name` or a name of its own. No secret is in it."""
    config = masked(info.config)
    chosen = names(config)
    source = {"mlflow.source.name": "fedrec.main", "mlflow.source.type": "LOCAL"}
    targets = in_words(info.target_ids, info.target_titles)[:_LONGEST_TAG]
    own_tags = {**revision(), "mlflow.user": _user(), **source, "data_checksum": info.data_checksum, "target_items": targets}
    return {
        "key": uuid.uuid4().hex,
        "started": int(time.time() * 1000),
        "run_name": masked(run_name) or name_of(config),
        "tags": {**own_tags, **_home(), **chosen, **{name: str(value) for name, value in masked(tags).items()}},
        "parameters": parameters(config),
        "about": {**chosen, **measures(config)},
        "dataset": {
            "name": chosen["dataset"],
            "digest": info.data_checksum[:_LONGEST_DIGEST],
            "source_type": "fedrec",
            "source": json.dumps(config.get("dataset", {}), default=str),
            "profile": json.dumps(plain(info.statistics)),
        },
    }


def metric_name(name: str) -> str:
    """Return the name under which MLflow accepts a metric.

    >>> metric_name("ER@10")
    'ER_at_10'
    """
    return re.sub(r"[^\w\-./: ]", "_", name.replace("@", "_at_"))[:_LONGEST_KEY]


def parameters(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the configuration with dotted keys, lists as JSON and texts cut to what MLflow takes.

    >>> parameters({"seed": 0, "attack": {"N": 50, "targets": [3, 4]}})
    {'seed': '0', 'attack.N': '50', 'attack.targets': '[3, 4]'}
    """
    texts = ((name, value if isinstance(value, str) else json.dumps(value, default=str)) for name, value in _leaves(config, "."))
    return {name: text[:_LONGEST_PARAMETER] for name, text in texts}


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
    """Return the numbers of a summary that are metrics: what each rule reports of the metrics that are `measured`, `exposed`, and the time.

    >>> numbers({"best": {"ER@10": 0.5, "ER@5": 0.25}, "rounds": 4, "seconds": {"total": 2.0}, "validation": None}, ["ER@10"])
    {'best/ER_at_10': 0.5, 'seconds/total': 2.0}
    """
    values = {f"{rule}/{name}": (summary.get(rule) or {}).get(name) for rule in EVALUATIONS for name in measured}
    values |= {"exposed": summary.get("exposed"), TOTAL: summary.get("seconds", {}).get("total")}
    return {metric_name(name): float(value) for name, value in values.items() if type(value) in (int, float) and math.isfinite(value)}


def facts(summary: Mapping[str, Any]) -> dict[str, str]:
    """Return everything else that a summary tells in numbers, as tags: MLflow would draw a chart with one point for each metric.

    >>> facts({"best": {"ER@10": 0.5, "epoch": 2}, "rounds": 4, "config": {"seed": 1}, "validation": None})
    {'best': '{"ER@10": 0.5, "epoch": 2}', 'rounds': '4'}
    """
    told = {name: value for name, value in summary.items() if name != "config" and type(value) in (int, float)}
    groups = {_TAGS.get(name, name): summary[name] for name in (*EVALUATIONS, *_TAGS) if summary.get(name)}
    return {name: json.dumps(value)[:_LONGEST_TAG] for name, value in (groups | told).items() if name != "exposed"}


def plain(values: Mapping[str, Any]) -> Any:
    """Return `values` as JSON can hold them: numbers of NumPy and PyTorch as numbers, anything unknown as text."""
    return json.loads(json.dumps(dict(values), default=lambda value: value.item() if hasattr(value, "item") else str(value)))


def code_of(tags: Mapping[str, str]) -> str:
    """Return in a word which code a run belongs to; nothing if it was no checkout.

    >>> code_of({"mlflow.source.git.commit": "5290c73ec33522383037382ae5e5eb02c62369c2", "mlflow.source.git.dirty": "true"})
    '5290c73ec335+changes'
    """
    return tags.get("mlflow.source.git.commit", "")[:12] + "+changes" * (tags.get("mlflow.source.git.dirty") == "true")


def git_tags(folder: Path) -> dict[str, str]:
    """Return the commit of the checkout `folder` and whether its files have changed since; empty if it is no checkout."""
    if not (folder / ".git").exists():
        return {}
    command = ("git", "-C", str(folder), "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty")
    try:
        described = subprocess.run(command, capture_output=True, encoding="utf-8", check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return {}
    commit, _, dirty = described.partition("-")
    return {"mlflow.source.git.commit": commit, "mlflow.source.git.dirty": str(bool(dirty)).lower()}


def _home() -> dict[str, str]:
    tags = {"mlflow.parentRunId": os.environ.get(PARENT, ""), "multirun": os.environ.get(MULTIRUN, "")}
    return {name: value for name, value in tags.items() if value}


@functools.cache  # the code that runs is the one that was imported
def revision() -> dict[str, str]:
    """Return what `git_tags` says of the code that runs."""
    return git_tags(_CHECKOUT)


def _leaves(tree: Mapping[str, Any], separator: str, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value of nested mappings with the keys on the way to it."""
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, separator, f"{prefix}{key}{separator}")
        else:
            yield metric_name(f"{prefix}{key}"), value


def _user() -> str:
    with suppress(KeyError, OSError):  # a container may know no user names
        return getpass.getuser()
    return "unknown"
