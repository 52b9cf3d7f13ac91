"""One run as a row of a table, whatever it was read from: its options, what it reports, and where it lies."""

import json
import re
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

from fedrec.evaluation.degradation import DEGRADATION
from fedrec.evaluation.epoch_selection import EVALUATIONS

NAMES = ("attack", "defense", "model", "dataset")  # options that hold a choice, and tell most of a run
SEED = "seed"
RULES = (*EVALUATIONS, DEGRADATION)  # what stands before the name of a metric
LABELS = ("experiment", "variant", "system", "evaluation")  # choices that only name what the options say
FACTS = ("seconds", "status", "folder", "run_id", "data_checksum", "data_size", "code", "ended")  # the last columns
FINISHED = "FINISHED"
Row = dict[str, Any]

_IGNORED = re.compile(r"(tracking|checkpoint|sweep|hydra|choices|by_model)\b|(threads|resume|reference|model\.save)$")  # change no result
COUNTS = ("round", "epoch", "evaluations")  # that stand beside the metrics of an evaluation


def row(parameters: Mapping[str, str], chosen: Mapping[str, str], reported: Mapping[str, float], **facts: Any) -> Row:
    """Return the row of a run.

    `parameters` are those of `run_description.parameters`, `chosen` is what `run_description.names` returns, `reported` has names like
    `best/ER@10`.
    """
    named = {name: f"[{choice.replace('+', ',')}]" if "+" in choice else choice for name, choice in chosen.items()}  # as one types it
    labels = {name: parameters[f"choices.{name}"] for name in LABELS if f"choices.{name}" in parameters}
    options = {name: value_of(text) for name, text in parameters.items() if text != "{}" and not _follows(name, text)}
    return {**named, SEED: options.pop(SEED, None), **labels, **options, **reported, **facts}


def _follows(name: str, text: str) -> bool:
    """Return whether an option changes no result, or follows from a choice: one of fedrec's files names each of its classes."""
    return _IGNORED.match(name) is not None or (name.endswith("_target_") and text.startswith("fedrec."))


def in_order(rows: Iterable[Row]) -> list[str]:
    """Return the columns of all rows: choices, seed, options, what the rules report, facts."""
    found = dict.fromkeys(chain.from_iterable(rows))
    first = [*NAMES, SEED, *(name for name in LABELS if name in found)]
    reported = [name for rule in RULES for name in found if name.startswith(f"{rule}/")] + ["exposed"] * ("exposed" in found)
    options = [name for name in found if name not in {*first, *reported, *FACTS}]
    return [*first, *options, *reported, *FACTS]


def options_of(columns: Iterable[Any]) -> list[str]:
    """Return the columns that hold options, without the seed."""
    return [name for name in columns if "/" not in name and name not in (*FACTS, SEED, "exposed")]


def metrics_of(columns: Iterable[Any]) -> list[str]:
    """Return the metrics that rules report, each once.

    >>> metrics_of(["attack", "best/epoch", "best/ER@10", "final/ER@10", "best/HR@10"])
    ['ER@10', 'HR@10']
    """
    found = dict.fromkeys(name.partition("/")[2] for name in columns if name.partition("/")[0] in RULES)
    return [name for name in found if name and name not in COUNTS]


def identity(one: Row) -> tuple[tuple[str, str], ...]:
    """Return the options that a run's result depends on. Two runs with the same ones are the same run, done twice."""
    options = [*options_of(one), SEED]
    return tuple(sorted((name, repr(one[name])) for name in options if name not in LABELS and one[name] is not None))


def data_size(statistics: Mapping[str, Any]) -> str:
    """Return the size of a data set in words; nothing if it is not known.

    >>> data_size({"users": 40, "items": 60, "interactions": 600, "rate": 15.0})
    '40 users, 60 items, 600 interactions'
    """
    counts = [f"{statistics[name]:.0f} {name}" for name in ("users", "items", "interactions") if name in statistics]
    return ", ".join(counts)


def without_tracking(seconds: Mapping[str, float]) -> float:
    """Return the seconds of a run without those of its callbacks: MLflow knows a run before its last metrics have been stored."""
    return float(seconds["total"]) - float(seconds.get("track", 0.0))


def value_of(text: str) -> Any:
    """Return a number or a truth value as such, and all other values as text."""
    try:
        value = json.loads(text, parse_constant=str)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, bool | int | float) else text
