"""What one run of a trial achieved, and means over the seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Annotated, Literal

from pydantic import Field

from fedrec.comparison.over_seeds import standard_error
from fedrec.config.validation import ConfigError
from fedrec.evaluation.epoch_selection import exposure_of, select
from fedrec.interfaces import Evaluation

_ALLOWED = "validation, near_best, peak, exposed or final; best would look at the test item"
Rule = Annotated[Literal["validation", "near_best", "peak", "exposed", "final"], Field(description=_ALLOWED)]


@dataclass(frozen=True)
class Outcome:
    """What one run is judged by."""

    exposure_ratio: float  # ER@K of the targets; with the rule `exposed`, the share of evaluations with ER@K above a threshold
    hit_ratio: float  # the selection metric, HR@K for instance, on the validation item
    test_hit_ratio: float  # the same on the test item

    @classmethod
    def of(cls, evaluations: Sequence[Evaluation], selection: str, rule: Rule, exposed_above: float) -> "Outcome":
        """Judge a run by its evaluations so far. `selection` names the selection metric; only that of the validation item selects.

        Hits are those of the rule's evaluations; with `peak` and `exposed`, those of the epoch that the validation item selects.
        Raises ConfigError if one of these metrics has no value in this run.
        """
        exposure, undefined = exposure_of(selection), "of this run is undefined, so there is nothing to tune by"
        if exposure not in evaluations[-1].metrics:
            raise ConfigError(f"{exposure} {undefined}: no user is left to whom a target item could be shown; take other attack.targets")
        if missing := {selection, f"validation_{selection}"} - set(evaluations[-1].metrics):
            raise ConfigError(f"{min(missing)} {undefined}: no user has such an item")
        selected = select(evaluations, f"validation_{selection}", exposed_above)
        selected["validation"] = selected["best"]
        hits = selected["validation" if rule in ("peak", "exposed") else rule]
        exposure = selected["exposed"] if rule == "exposed" else selected[rule][exposure]
        return cls(exposure, hits[f"validation_{selection}"], hits[selection])


def summary(columns: Mapping[str, Sequence[float]]) -> dict[str, float | None]:
    """Return the mean of every column under its name, and the standard error under NAME_stderr."""
    pairs = [((name, mean(column)), (f"{name}_stderr", standard_error(column))) for name, column in columns.items()]
    return dict(chain.from_iterable(pairs))


def mean(values: Sequence[float]) -> float:
    """Return the mean as studies have always stored it: a correctly rounded one could differ in the last bit."""
    return sum(values) / len(values)
