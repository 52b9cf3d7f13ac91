"""What is compared: `best/ER@10` is ER@10 as the rule `best` reports it. Which way is better depends on who looks."""

import re
from collections.abc import Collection, Sequence
from typing import Any

from fedrec.comparison.run_rows import COUNTS, RULES, metrics_of
from fedrec.config.validation import ConfigError, did_you_mean
from fedrec.evaluation.degradation import DEGRADATION
from fedrec.evaluation.epoch_selection import exposure_of

ALONE = ("exposed", "seconds")  # what no rule reports
_HITS = re.compile(r"(validation_|full_)*(HR|NDCG|Recall|Precision|MRR)@\d+$")


def choose(columns: Collection[Any], metrics: Sequence[str] | None, rules: Sequence[str] | None, selection: str) -> list[str]:
    """Return the columns to compare. Raises ConfigError, which says what there is.

    Without `metrics` they are ER@K, the degradation ratio, as far as the runs have them, and the metric by which runs select their best
    epoch. Without `rules` an exposure is shown at the best epoch and near it, because it swings; any other metric at the best epoch.

    >>> choose(["best/ER@5", "near_best/ER@5", "best/HR@5"], None, None, "HR@5")
    ['best/ER@5', 'near_best/ER@5', 'best/HR@5']
    """
    if unknown := [rule for rule in rules or () if rule not in RULES]:
        raise ConfigError(f"unknown rule {unknown[0]}: there are {', '.join(RULES)}{did_you_mean(unknown, RULES)}")
    found = []
    for metric in metrics or _usual(columns, rules, selection):
        rules_of = rules or (("best", "near_best") if metric.startswith("ER@") else ("best",))
        named = [metric] if "/" in metric or metric in ALONE else [f"{rule}/{metric}" for rule in rules_of]
        for name in named:
            if name not in columns:
                there = [*metrics_of(columns), *ALONE]
                raise ConfigError(
                    f"no run has {' at '.join(reversed(name.split('/')))}: there are {', '.join(there)}{_near(metric, there)}"
                )
        found += named
    return list(dict.fromkeys(found))


def _usual(columns: Collection[Any], rules: Sequence[str] | None, selection: str) -> list[str]:
    """Return the metrics that are compared if nobody names any. Runs without target items have no exposure."""
    exposure, lost = exposure_of(selection), f"{DEGRADATION}/{selection}"
    if rules or lost not in columns:
        return [exposure, selection]
    return [*[exposure][: f"best/{exposure}" in columns], lost, selection]


def _near(metric: str, there: Sequence[str]) -> str:
    return did_you_mean([metric.rpartition("/")[2]], there)


def is_share(measure: str) -> bool:
    """Return whether a measure is shown in percent."""
    name = measure.rpartition("/")[2]
    return name not in ("seconds", *COUNTS) and not name.startswith(("PKL", "gini"))


def is_exposure(measure: str) -> bool:
    """Return whether a measure says how far targets were shown to users."""
    return measure == "exposed" or measure.rpartition("/")[2].startswith("ER@")


def is_degradation(measure: str) -> bool:
    """Return whether a measure says what share of the quality an attack destroys."""
    return measure.startswith(f"{DEGRADATION}/")


def is_harm(measure: str) -> bool:
    """Return whether attackers want more of a measure and defenders less."""
    return is_exposure(measure) or is_degradation(measure)


def highest_is_best(measure: str, for_attackers: bool) -> bool | None:
    """Return whether more is better; None if neither is.

    >>> highest_is_best("best/ER@10", False), highest_is_best("best/HR@10", False), highest_is_best("final/PKL@1", False)
    (False, True, None)
    """
    if is_harm(measure):
        return for_attackers
    if _HITS.match(measure.rpartition("/")[2]):
        return True  # an attack that costs no hits is not noticed
    return False if measure == "seconds" else None


def heading(measure: str) -> str:
    """Return what a measure is called in a table.

    >>> heading("near_best/ER@10"), heading("seconds")
    ('ER@10 near_best', 'seconds')
    """
    rule, _, metric = measure.rpartition("/")
    return f"{metric} {rule}".rstrip()
