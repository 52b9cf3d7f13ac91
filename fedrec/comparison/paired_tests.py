"""Tests of whether two settings differ, paired by seed, and Holm's correction for having made several of them.

Wilcoxon, Individual comparisons by ranking methods, Biometrics Bulletin 1945; Holm, A simple sequentially rejective multiple test
procedure, Scandinavian Journal of Statistics 1979.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from math import isnan
from statistics import mean

from fedrec.comparison.over_seeds import OverSeeds, standard_error

WILCOXON_FROM = 6  # pairs; with five the smallest p of this test is 1/16, so it could never find anything
EXACT_UP_TO = 13  # pairs; all 2^13 signs of the differences are gone through
LEVEL = 0.05


@dataclass(frozen=True)
class PairedTest:
    """Two settings compared seed by seed. `p` is None if no test is possible, and `reason` says why."""

    pairs: int
    difference: float  # mean over pairs; 0 if there is none
    error: float | None = None  # standard error of this mean
    name: str = ""
    p: float | None = None  # two-sided
    reason: str = ""


def paired_test(one: OverSeeds, reference: OverSeeds) -> PairedTest:
    """Compare two settings on the seeds that both have: Wilcoxon's signed-rank test from six pairs on, else Student's t-test."""
    from scipy import stats

    differences = [value - reference.values[seed] for seed, value in one.values.items() if seed in reference.values]
    n = len(differences)
    if n < 2:
        return PairedTest(n, sum(differences), reason="fewer than two seeds in common")
    known = (n, mean(differences), standard_error(differences))
    if not any(differences):
        return PairedTest(*known, "all equal", 1.0)
    if n >= WILCOXON_FROM:
        method = stats.PermutationMethod(n_resamples=2**EXACT_UP_TO) if n <= EXACT_UP_TO else "auto"
        return PairedTest(*known, "Wilcoxon", float(stats.wilcoxon(differences, method=method).pvalue))
    if max(differences) - min(differences) <= 1e-12:
        return PairedTest(*known, reason="the difference is the same for every seed, which a t-test cannot judge")
    p = float(stats.ttest_1samp(differences, 0.0).pvalue)
    return PairedTest(*known, "t", None if isnan(p) else p)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return the p-values after Holm's correction for as many tests as have one.

    >>> holm([0.25, 0.125, None])
    [0.25, 0.25, None]
    """
    known = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, place) in enumerate(known):
        highest = max(highest, min(1.0, (len(known) - rank) * p))
        corrected[place] = highest
    return corrected


def seeds_needed(n_tests: int) -> int:
    """Return the fewest pairs with which Wilcoxon's test can find anything among so many tests: its smallest p is 2 / 2^pairs.

    >>> seeds_needed(1), seeds_needed(12)
    (6, 9)
    """
    return next(pairs for pairs in count(WILCOXON_FROM) if n_tests * 2.0 ** (1 - pairs) < LEVEL)
