"""The sentences below a comparison: what its numbers are, what its marks mean, how it was tested, and what is doubtful."""

from collections import Counter
from collections.abc import Iterator

from fedrec.comparison.doubts import titled
from fedrec.comparison.measures import heading, highest_is_best, is_degradation, is_share
from fedrec.comparison.paired_tests import LEVEL, seeds_needed
from fedrec.comparison.side_by_side import SideBySide
from fedrec.evaluation.epoch_selection import NEAR

_NAMES = {"t": "paired t-test", "Wilcoxon": "Wilcoxon signed-rank test"}


def sentences(comparison: SideBySide, best: str, differs: str) -> list[str]:
    """Return what a reader must know; `best` and `differs` are how such numbers are marked."""
    return [_about_means(comparison), *_about_marks(comparison, best), *_about_tests(comparison, differs), *comparison.notes]


def _about_means(comparison: SideBySide) -> str:
    n = comparison.n_seeds
    told = f"Mean ± standard error over {n} seeds" if n > 1 else "Runs of one seed, without a standard error"
    shares = [heading(one) for one in comparison.measures if is_share(one)]
    unit = ", in percent" if len(shares) == len(comparison.measures) else f"; in percent: {', '.join(shares)}" if shares else ""
    near = f" near_best is the mean within {NEAR} epochs of the best epoch." if _has_near(comparison) else ""
    lost = " degradation is the share that is lost against the same run without the attack." if _has_lost(comparison) else ""
    return f"{told}{unit}.{near}{lost}"


def _has_near(comparison: SideBySide) -> bool:
    return any(one.startswith("near_best/") for one in comparison.measures)


def _has_lost(comparison: SideBySide) -> bool:
    return any(map(is_degradation, comparison.measures))


def _about_marks(comparison: SideBySide, best: str) -> Iterator[str]:
    if comparison.marked:
        ways = {
            heading(measure) if is_degradation(measure) else measure.rpartition("/")[2]: "highest" if highest else "lowest"
            for measure in comparison.measures
            if (highest := highest_is_best(measure, comparison.for_attackers)) is not None
        }
        where = f" for each {', '.join(comparison.others)}" if comparison.others else ""
        which = ", ".join(f"{way} {metric}" for metric, way in ways.items())
        near = ", and whatever lies within one standard error of it" if comparison.n_seeds > 1 else ""
        yield f"{best} the best {', '.join(comparison.compared)}{where} ({which}){near}."


def _about_tests(comparison: SideBySide, differs: str) -> Iterator[str]:
    made = [test for test, _ in comparison.tests.values()]
    reference = titled(list(comparison.against), list(comparison.against.values()))
    kinds = Counter((test.name, test.pairs) for test in made if test.p is not None)
    if n := sum(kinds.values()):
        found = any(corrected is not None and corrected < LEVEL for _, corrected in comparison.tests.values())
        told = (
            f"{differs} differs from {reference}: p < {LEVEL:g}"
            if found
            else f"No difference from {reference} is significant: p is at least {LEVEL:g}"
        )
        used = ", ".join(f"{count} times {_NAMES.get(name, name)} on {pairs} pairs" for (name, pairs), count in kinds.items())
        yield f"{told}, two-sided, after Holm's correction for {n} tests over seeds ({used})."
        if not found and {name for name, _ in kinds} == {"Wilcoxon"} and (least := seeds_needed(n)) > max(pairs for _, pairs in kinds):
            yield f"So few seeds cannot show a difference in {n} tests, even if all of them agree; {least} seeds can."
    untested = Counter(test.reason for test in made if test.p is None)
    yield from (f"No test of {count} numbers against {reference}: {reason}." for reason, count in untested.items())
