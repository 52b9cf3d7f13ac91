"""What MLflow shows of a tuning sweep: the best parameters, the comparisons and a table of the trials, in Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from fedrec.sweeps.search_space import in_one_line
from fedrec.tracking.mlflow.notes import percent, signed, table

_MOST_TRIALS = 30  # the best ones: MLflow takes 8000 characters


def sweep_note(found: Mapping[str, Any], trials: Sequence[FrozenTrial], directions: Sequence[StudyDirection], harm: str) -> str:
    """Return the note of a sweep. `found` is what the report has found; without it the sweep was cut off. `harm` is that of `Sweep`."""
    counts = ", ".join(f"{count} {state}" for state, count in found.get("trials", {}).items()) or f"{len(trials)} so far"
    parts = [_best(found), f"Trials: {counts}."]
    if compared := found.get("comparisons"):
        rows = [(label, percent(row[harm]), percent(row["HR"]), str(row["seeds"])) for label, row in compared.items()]
        parts += ["Compared with fresh seeds, on the test item:", table(("", harm, "HR", "seeds"), rows)]
    shown = sorted(trials, key=lambda trial: _rank(trial, directions))[:_MOST_TRIALS]
    if shown:
        title = "The trials, the best first:" if len(shown) == len(trials) else f"The best {len(shown)} of {len(trials)} trials:"
        rows = [(str(one.number), _values(one), one.state.name.lower(), in_one_line(one.params)) for one in shown]
        parts += [title, table(("trial", "value" if len(directions) == 1 else "values", "state", "parameters"), rows)]
    return signed("\n\n".join(parts))


def _best(found: Mapping[str, Any]) -> str:
    if "best_params" in found:
        return f"**Best parameters**: `{in_one_line(found['best_params'])}` reach {found['best_value']:.4f}."
    if solutions := found.get("solutions"):
        return f"**{len(solutions)} solutions**, none of which is better than another in all values; `study/` holds them."
    return "The sweep has no result yet."


def _rank(trial: FrozenTrial, directions: Sequence[StudyDirection]) -> tuple[bool, float, int]:
    """Return what sorts trials by their first value, the best first; those without a value come last."""
    sign = -1 if directions[0] == StudyDirection.MAXIMIZE else 1
    return (False, sign * trial.values[0], trial.number) if trial.values else (True, 0.0, trial.number)


def _values(trial: FrozenTrial) -> str:
    return ", ".join(f"{value:.4f}" for value in trial.values or ()) or "-"
