"""What lies in the folder of a run, and its two JSON files. Nothing heavy is imported, so that a mistake is answered at once."""

import json
import shutil
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from fedrec.config.validation import ConfigError

SUMMARY, METRICS, EXPOSURE = "summary.json", "evaluations.parquet", "exposure.parquet"
MODEL, DESCRIPTION = "model", "model.json"  # a folder, and what lies in it
FORMAT = 1  # of that folder; another number means that this program would misread it


def remove_earlier(run: Path) -> None:
    """Remove what an earlier run in the same folder has left and this one may not replace. Raises ConfigError if that cannot be."""
    try:
        for name in (SUMMARY, METRICS, EXPOSURE):
            if not (run / name).is_dir():
                (run / name).unlink(missing_ok=True)
        for name in (MODEL, f"{MODEL}.part"):
            if (run / name).exists():
                shutil.rmtree(run / name)
    except OSError as error:
        raise ConfigError(f"{error.filename}: {error.strerror}") from None


def read_summary(run: Path) -> dict[str, Any]:
    """Return what summary.json says. Raises ConfigError if there is no such folder, it is no run's, or the file is damaged."""
    path = run / SUMMARY
    if not run.is_dir():
        raise ConfigError(f"{run}: there is no such folder")
    if not path.is_file():
        below = [one.parent for one in islice(run.rglob(SUMMARY), 1)]
        told = f"; there are runs below it, {below[0]} for instance" if below else ", or the run goes on or was killed"
        raise ConfigError(f"{run} holds no {SUMMARY}, so it is not the folder of a run{told}")
    return _read(path, ("status", "config", "evaluations", "final"))


def read_description(run: Path) -> dict[str, Any]:
    """Return what model.json says. Raises ConfigError if there is none, or it is damaged or of another version of the program."""
    path = run / MODEL / DESCRIPTION
    if not path.is_file():
        raise ConfigError(f"{run}: the run did not save its model; a run with model.save=true does")
    description = _read(path, ("format",))
    if description["format"] != FORMAT:
        raise ConfigError(f"{path}: its format {description['format']!r} is that of another version of fedrec, which knows {FORMAT}")
    _complete(path, description, kinds := {"model": dict, "targets": list, "crc32": dict})
    if unfit := [key for key, kind in kinds.items() if not isinstance(description[key], kind)]:
        raise ConfigError(f"{path} is damaged: {unfit[0]} is no {kinds[unfit[0]].__name__}")
    return description


def _read(path: Path, keys: Iterable[str]) -> dict[str, Any]:
    """Return the mapping that a file of JSON holds. Raises ConfigError, which names the file."""
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is damaged: {error}") from None
    return _complete(path, content, keys)


def _complete(path: Path, content: Any, keys: Iterable[str]) -> dict[str, Any]:
    if not isinstance(content, Mapping) or (lacking := [key for key in keys if key not in content]):
        raise ConfigError(f"{path} is damaged: it lacks {', '.join(lacking) if isinstance(content, Mapping) else 'a mapping'}")
    return dict(content)
