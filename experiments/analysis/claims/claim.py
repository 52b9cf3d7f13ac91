"""A statement of the paper as checks over what was measured. No threshold is tuned: a claim that fails is a finding."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from experiments.analysis.measured import Measured, MeasuredCell

EFFECTIVE, INEFFECTIVE = 90.0, 2.0  # percent of exposure
KEPT = 1.5  # points of HR@10 that the paper itself passes over (PIPA on ML-1M, DL-FRS: 47.70 to 46.46)
ATTACKS = ("fedreca", "pipa", "a_ra", "a_hum", "pieck_ipe", "pieck_uea")
PIECK = ("pieck_ipe", "pieck_uea")
STRONG = ("a_hum", *PIECK)
SERVER_SIDE = ("norm_bound", "median", "trimmed_mean", "krum", "multi_krum", "bulyan")
MODELS = ("mf", "ncf")
DATASETS = ("ml100k", "ml1m", "amazon_music")

Check = tuple[bool, str]  # whether it holds, and the numbers


@dataclass(frozen=True)
class Verdict:
    """The outcome of every check of one claim."""

    checks: Sequence[Check]

    @property
    def holds(self) -> bool:
        return all(true for true, _ in self.checks)


@dataclass(frozen=True)
class Claim:
    """A statement, where the paper makes it, and how it is checked; `check` raises Unmeasured."""

    text: str
    source: str
    check: Callable[[Measured], Iterable[Check]]

    def verdict(self, measured: Measured) -> Verdict | None:
        """Return the verdict, or None if a cell that the claim needs has not been measured."""
        try:
            return Verdict(list(self.check(measured)))
        except Unmeasured:
            return None


class Unmeasured(Exception):
    """A cell that a claim is about has no result."""


def required(measured: Measured, experiment: str, /, **choices: object) -> MeasuredCell:
    """Return a cell of an experiment. Raises Unmeasured if it has no result."""
    if (cell := measured.find(experiment, **choices)) is None:
        raise Unmeasured
    return cell


def er(measured: Measured, experiment: str, k: int = 10, /, **choices: object) -> float:
    """Return the mean ER@K of a cell, in percent."""
    return 100 * required(measured, experiment, **choices).mean(f"ER@{k}")


def hr(measured: Measured, experiment: str, /, **choices: object) -> float:
    """Return the mean HR@10 of a cell, in percent."""
    return 100 * required(measured, experiment, **choices).mean("HR@10")
