"""What runs that have ended left in the working folder: how long such a run takes, and what was reached without a defense or an attack."""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from statistics import mean
from typing import Any

_MOST = 1000  # so many summaries are read, the latest first
_SAME = ("dataset", "model", "system", "attack", "defense", "evaluation", "device")  # what a run depends on, beside its seed
_DATA = ("target_items", "dataset", "data_checksum")  # of a summary, of two runs that can be compared


def earlier_runs(working: Path, *beside: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield folder and summary of runs that reached their end, the latest first: those beside a run, then those of the working folder."""
    found = [*working.glob("outputs/*/*/summary.json"), *working.glob("multirun/*/*/*/summary.json")]
    found.sort(key=lambda path: path.parts[len(working.parts) + 1 :], reverse=True)  # folders are named by date and time
    near = sorted((path for folder in beside for path in folder.parent.glob("*/summary.json")), reverse=True)
    for path in islice((*near, *found), _MOST):
        try:
            summary = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # another program may have written it
            continue
        if isinstance(summary, dict) and summary.get("status") == "FINISHED" and isinstance(summary.get("config"), dict):
            yield path.parent, summary


def run_without(group: str, summary: Mapping[str, Any], runs: Iterable[tuple[Path, dict[str, Any]]]) -> tuple[Path, dict[str, Any]] | None:
    """Return the first run that differs from that of `summary` in one group only, which is `none`."""
    names = [name for name in (*_SAME, "seed") if name != group]
    for folder, other in runs:
        is_same = all(_plain(other["config"], name) == _plain(summary["config"], name) for name in names)
        has_data = all(other.get(name) == summary.get(name) for name in _DATA)
        if is_same and has_data and other["config"].get("choices", {}).get(group) == "none":
            return folder, other
    return None


class Durations:
    """Seconds of earlier runs, by all that they depend on but the seed."""

    def __init__(self, runs: Iterable[tuple[Path, dict[str, Any]]]) -> None:
        self._known: dict[str, list[float]] = {}
        for _, summary in runs:
            self._known.setdefault(_key(summary["config"]), []).append(float(summary["seconds"]["total"]))

    def seconds(self, config: Mapping[str, Any]) -> float | None:
        """Return how long runs with these options took on average; None if there was none."""
        known = self._known.get(_key(config))
        return mean(known) if known else None


def _key(config: Mapping[str, Any]) -> str:
    tracked = (config.get("tracking") or {}).get("_target_")
    return json.dumps([[_plain(config, name) for name in (*_SAME, "threads")], tracked], sort_keys=True)


def _plain(config: Mapping[str, Any], name: str) -> Any:
    """Return a part of a configuration without what changes no result: whether the model is saved."""
    node = config.get(name)
    return {key: value for key, value in node.items() if key != "save"} if name == "model" and isinstance(node, Mapping) else node
