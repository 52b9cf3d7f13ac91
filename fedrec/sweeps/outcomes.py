"""What one run of a trial achieved, and means over the seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Annotated, Any, Literal

from pydantic import Field

from fedrec.comparison.over_seeds import standard_error
from fedrec.config.validation import ConfigError
from fedrec.evaluation.degradation import ratio
from fedrec.evaluation.epoch_selection import exposure_of, select
from fedrec.interfaces import Evaluation

_ALLOWED = "validation, near_best, peak, exposed or final; best would look at the test item"
Rule = Annotated[Literal["validation", "near_best", "peak", "exposed", "final"], Field(description=_ALLOWED)]


@dataclass(frozen=True)
class Outcome:
    """What one run is judged by."""

    exposure_ratio: float | None  # ER@K of the targets; with the rule `exposed`, the share of evaluations with ER@K above a threshold
    hit_ratio: float  # the selection metric, HR@K for instance, on the validation item
    test_hit_ratio: float  # the same on the test item
    unattacked: tuple[float, float] | None = None  # both in the same run without the attack, if that has no target item; then no exposure

    @property
    def harm(self) -> float:
        """What the attack has reached: ER@K, or if it has no target item the share of the selection metric that it destroys."""
        return self._harm(0, self.hit_ratio)

    @property
    def test_harm(self) -> float:
        """The same on the test item, which tells no exposure from another."""
        return self._harm(1, self.test_hit_ratio)

    @property
    def price(self) -> float:
        """The selection metric on the validation item that tells what the defense costs.

        An attack without target items lowers it, too. So it is taken without the attack then, or the harm would count twice.
        """
        return self.hit_ratio if self.unattacked is None else self.unattacked[0]

    def _harm(self, item: int, reached: float) -> float:
        if self.unattacked is None:
            assert self.exposure_ratio is not None
            return self.exposure_ratio
        return ratio(reached, self.unattacked[item]) if self.unattacked[item] else 0.0  # where nothing is, nothing is lost

    @classmethod
    def of(
        cls,
        evaluations: Sequence[Evaluation],
        selection: str,
        rule: Rule,
        exposed_above: float,
        unattacked: Sequence[Evaluation] | None = None,
    ) -> "Outcome":
        """Judge a run by its evaluations so far. `selection` names the selection metric; only that of the validation item selects.

        Hits are those of the rule's evaluations; with `peak` and `exposed`, those of the epoch that the validation item selects.
        `unattacked` are the evaluations of the same run without an attack that has no target item; they count up to the same epoch.
        Raises ConfigError if one of these metrics has no value in this run, or the rule is one for exposures only.
        """
        exposure, undefined = exposure_of(selection), "of this run is undefined, so there is nothing to tune by"
        if unattacked is None and exposure not in evaluations[-1].metrics:
            reason = "no user is left to whom a target item could be shown, or there is no such item"
            raise ConfigError(f"{exposure} {undefined}: {reason}; take other attack.targets")
        if missing := {selection, f"validation_{selection}"} - set(evaluations[-1].metrics):
            raise ConfigError(f"{min(missing)} {undefined}: no user has such an item")
        selected = _selected(evaluations, selection, exposed_above)
        hits = selected["validation" if rule in ("peak", "exposed") else rule]
        reached = hits[f"validation_{selection}"], hits[selection]
        if unattacked is None:
            return cls(selected["exposed"] if rule == "exposed" else selected[rule][exposure], *reached)
        require_quality(rule)
        before = [one for one in unattacked if one.epoch <= evaluations[-1].epoch]
        clean = _selected(before, selection, exposed_above)[rule]
        return cls(None, *reached, (clean[f"validation_{selection}"], clean[selection]))


def require_quality(rule: Rule) -> None:
    """Raise ConfigError if a rule is for exposures only."""
    if rule in ("peak", "exposed"):
        raise ConfigError(
            f"sweep.objective={rule} is a rule for ER@K, and the attack has no target item: allowed are validation, near_best and final"
        )


def _selected(evaluations: Sequence[Evaluation], selection: str, exposed_above: float) -> dict[str, Any]:
    """Return what each rule reports if the validation item chooses the best epoch."""
    selected = select(evaluations, f"validation_{selection}", exposed_above)
    return {**selected, "validation": selected["best"]}


def summary(columns: Mapping[str, Sequence[float]]) -> dict[str, float | None]:
    """Return the mean of every column under its name, and the standard error under NAME_stderr."""
    pairs = [((name, mean(column)), (f"{name}_stderr", standard_error(column))) for name, column in columns.items()]
    return dict(chain.from_iterable(pairs))


def mean(values: Sequence[float]) -> float:
    """Return the mean as studies have always stored it: a correctly rounded one could differ in the last bit."""
    return sum(values) / len(values)
