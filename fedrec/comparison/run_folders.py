"""Runs that lie in folders: every folder with a `summary.json`, as a row."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fedrec.comparison.run_rows import Row, data_size, row, without_tracking
from fedrec.config.choices import names
from fedrec.config.secrets import masked
from fedrec.evaluation.degradation import DEGRADATION, WITHOUT
from fedrec.evaluation.epoch_selection import EVALUATIONS
from fedrec.tracking.mlflow.run_description import parameters

SUMMARY = "summary.json"


def run_folders(folder: Path, since: float = 0.0) -> tuple[list[Path], list[Path]]:
    """Return the folders of runs, at `folder` and below, and those that Hydra made for a run that has left no summary.

    Only those count that were written after `since`, in seconds since 1970. Jobs of a sweep come in the order of their numbers.
    """
    found = sorted({path.parent for path in folder.rglob(SUMMARY) if path.is_file() and path.stat().st_mtime >= since}, key=_natural)
    made = {path.parent.parent for path in folder.rglob(".hydra/config.yaml") if path.stat().st_mtime >= since}
    return found, sorted(made - set(found), key=_natural)


def read_folder(folder: Path) -> Row:
    """Return the row of a run. Raises ValueError, which says why, if its summary cannot be read."""
    file = folder / SUMMARY
    try:
        summary: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        config = masked(summary["config"])
        facts = {
            "seconds": without_tracking(summary["seconds"]),
            "status": str(summary["status"]),
            "folder": str(folder),
            "run_id": str(summary.get("mlflow_run_id") or ""),
            "data_checksum": str(summary.get("data_checksum", "")),
            "data_size": data_size(summary.get("dataset") or {}),
            "code": str(summary.get("code", "")),
            "ended": file.stat().st_mtime,
        }
        return row(parameters(config, longest=None), names(config), dict(_reported(summary)), **facts)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else str(error).partition("\n")[0]
        raise ValueError(f"{file} cannot be read: {reason}") from None


def _reported(summary: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for rule in EVALUATIONS:
        yield from ((f"{rule}/{name}", float(value)) for name, value in (summary.get(rule) or {}).items())
    lost = {name: value for name, value in (summary.get(DEGRADATION) or {}).items() if name != WITHOUT}
    yield from ((f"{DEGRADATION}/{name}", float(value)) for name, value in lost.items())
    if summary.get("exposed") is not None:
        yield "exposed", float(summary["exposed"])


def _natural(path: Path) -> list[tuple[int, str]]:
    """Return a key by which folder 10 comes after folder 9."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", str(path))]
