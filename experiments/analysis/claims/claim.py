"""A statement of the paper as checks over what was measured. No threshold is tuned: a claim that fails is a finding."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from experiments.analysis.claims.estimate import Estimate, Verdict, together
from experiments.analysis.measured import Measured, MeasuredCell

EFFECTIVE, INEFFECTIVE = 90.0, 2.0  # percent of exposure
KEPT = 1.5  # points of HR@10 that the paper itself passes over (PIPA on ML-1M, DL-FRS: 47.70 to 46.46)
ATTACKS = ("fedreca", "pipa", "a_ra", "a_hum", "pieck_ipe", "pieck_uea")
PIECK = ("pieck_ipe", "pieck_uea")
STRONG = ("a_hum", *PIECK)
SERVER_SIDE = ("norm_bound", "median", "trimmed_mean", "krum", "multi_krum", "bulyan")
MODELS = ("mf", "ncf")
DATASETS = ("ml100k", "ml1m", "amazon_music")


@dataclass(frozen=True)
class Check:
    """One part of a claim: it holds if the margin is above 0 by more than its error explains."""

    margin: Estimate
    numbers: str

    @property
    def verdict(self) -> Verdict:
        return self.margin.verdict


@dataclass(frozen=True)
class Claim:
    """A statement, where the paper makes it, and how it is checked; `check` raises Unmeasured."""

    text: str
    source: str
    check: Callable[[Measured], Iterable[Check]]

    def checks(self, measured: Measured) -> Sequence[Check] | None:
        """Return all checks, or None if something that the claim needs has not been measured."""
        try:
            return list(self.check(measured))
        except Unmeasured:
            return None

    def verdict(self, measured: Measured) -> Verdict | None:
        """Return the verdict, or None if something that the claim needs has not been measured."""
        checks = self.checks(measured)
        return None if checks is None else together([check.verdict for check in checks])


class Unmeasured(Exception):
    """A cell that a claim is about has no result."""


def required(measured: Measured, experiment: str, /, **choices: object) -> MeasuredCell:
    """Return a cell of an experiment. Raises Unmeasured if it has no result."""
    if (cell := measured.find(experiment, **choices)) is None:
        raise Unmeasured
    return cell


def estimated(cell: MeasuredCell, metric: str, rule: str = "best", unit: float = 1.0) -> Estimate:
    """Return a metric of a cell. Raises Unmeasured if it was not kept."""
    if not cell.has(metric, rule):
        raise Unmeasured
    return Estimate.of(cell.values(metric, rule), unit)


def er(measured: Measured, experiment: str, k: int = 10, /, **choices: object) -> Estimate:
    """Return the ER@K of a cell, in percent."""
    return estimated(required(measured, experiment, **choices), f"ER@{k}", unit=100)


def hr(measured: Measured, experiment: str, /, **choices: object) -> Estimate:
    """Return the HR@10 of a cell, in percent."""
    return estimated(required(measured, experiment, **choices), "HR@10", unit=100)
