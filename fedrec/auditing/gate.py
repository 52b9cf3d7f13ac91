"""The gate for pipelines: does any attack of an audit show an item to more users than somebody allows, with so many accounts?

Nothing is interpolated. An attack fails if any number of accounts up to the allowed one exceeds the limit. It passes if none does and the
allowed number was nearly reached, or the next larger one that was tried keeps the limit, too. Else the audit cannot tell. Weaker attacks
may stay unknown, but not the one that reaches the most users with any number of accounts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from typing import Any
from xml.etree import ElementTree

from fedrec.auditing.audit_curves import recommended
from fedrec.auditing.audit_result import AuditResult
from fedrec.auditing.audit_wording import Row, accounts_of, level, rows_of
from fedrec.config.validation import ConfigError

RECOMMENDED = "recommended"  # stands for the defense that the audit recommends
_NEAR = 0.9  # so much of the number of accounts that one asks for is as good as that number
_FACTS = ("dataset", "model", "users", "seeds", "epochs", "version", "date", "command")  # of an audit, which JUnit XML repeats


@dataclass(frozen=True)
class Check:
    """What an attack reached behind a defense, against what is allowed."""

    attack: str
    defense: str
    accounts: int  # allowed to the attacker
    max_exposure: float  # share of the users to whom it may show the item
    is_passed: bool | None  # None: it was not tried with such numbers of accounts
    exposure: float  # the highest mean over seeds, of the numbers of accounts that decide
    upper: float  # what a run with another seed may reach there; NaN at the peak
    sentence: str


def check(result: AuditResult, max_exposure: float, accounts: int, defense: str | None = None, peak: bool = False) -> list[Check]:
    """Return a check for each attack that was tried on a defense.

    Args:
        result: What an audit has found.
        max_exposure: The share of the users to whom an attack may show the promoted item, in [0, 1].
        accounts: How many fake accounts an attacker may have.
        defense: The one that is in use, with its settings if they are not the defaults: "flame" or "flame defense.noise=0.1".
            "recommended" is that of the audit. By default it is none.
        peak: Whether the epoch counts at which most users see the item, and not the mean around the best epoch.

    Raises ConfigError, a ValueError, in one line if a limit makes no sense, or if the audit cannot tell.
    """
    if not 0 <= max_exposure <= 1:
        raise ConfigError(f"max-exposure = {max_exposure}: must be a share of the users, from 0 to 1")
    if accounts < 1:
        raise ConfigError(f"accounts = {accounts}: must be a number of accounts, at least 1")
    own = _rows(result, _chosen(result, defense or "none"))
    if peak:
        own = [{**row, "mean": row["peak"], "upper": nan} for row in own]
    names = list(dict.fromkeys(str(row["attack"]) for row in own))
    checks = [_judged([row for row in own if row["attack"] == name], max_exposure, accounts) for name in names]
    strongest = str(max(own, key=lambda row: row["mean"])["attack"])
    unknown = next((one for one in checks if one.is_passed is None and one.attack == _plain(strongest)), None)
    is_exceeded = any(one.is_passed is False for one in checks)
    if not is_exceeded and (unknown or all(one.is_passed is None for one in checks)):
        told = unknown or checks[0]
        tried = ", ".join(str(number) for number in sorted({int(row["accounts"]) for row in own}))
        advice = f"accounts={accounts} lets an audit try that number"
        raise ConfigError(
            f"accounts = {accounts}: the audit cannot tell, behind {told.defense} it tried {tried}; {told.sentence}; {advice}"
        )
    return checks


def conclusion(checks: Sequence[Check]) -> tuple[list[str], int]:
    """Return what is printed, and the exit status: 0 if every attack that was tried passed, else 1."""
    failed = [one for one in checks if one.is_passed is False]
    passed = [one for one in checks if one.is_passed]
    first = checks[0]
    limit = f"{level(first.max_exposure)} with up to {accounts_of(first.accounts)}, defense: {first.defense}"
    worst = max(failed or passed, key=lambda one: one.exposure)
    told = [f"{'exceeded' if failed else 'kept'} (at most {limit}): {worst.sentence}"]
    if unknown := [one for one in checks if one.is_passed is None]:
        told.append(f"not known: {'; '.join(one.sentence for one in unknown)}")
    return told, 1 if failed else 0


def junit(checks: Sequence[Check], facts: Mapping[str, Any]) -> str:
    """Return the checks as JUnit XML: a test case for each attack; `facts` are those of the audit."""
    failures, skipped = (sum(one.is_passed is wanted for one in checks) for wanted in (False, None))
    numbers = {"tests": len(checks), "failures": failures, "errors": 0, "skipped": skipped}
    suite = ElementTree.Element("testsuite", {"name": "fedrec.audit", **{name: str(number) for name, number in numbers.items()}})
    properties = ElementTree.SubElement(suite, "properties")
    limits = {"max_exposure": checks[0].max_exposure, "accounts": checks[0].accounts, "defense": checks[0].defense}
    for name, value in {**limits, **{name: facts[name] for name in _FACTS if name in facts}}.items():
        ElementTree.SubElement(properties, "property", name=name, value=_plain(value))
    for one in checks:
        case = ElementTree.SubElement(suite, "testcase", classname=f"fedrec.audit.{one.defense}", name=one.attack)
        if one.is_passed:
            ElementTree.SubElement(case, "system-out").text = one.sentence
        else:
            ElementTree.SubElement(case, "skipped" if one.is_passed is None else "failure", message=one.sentence)
    ElementTree.indent(suite)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(suite, encoding="unicode")}\n'


def _chosen(result: AuditResult, defense: str) -> str:
    """Return the name of a defense. Raises ConfigError if the audit recommends none."""
    if defense != RECOMMENDED:
        return defense
    if (best := recommended(result)) is None:
        raise ConfigError("the audit recommends no defense; name the one that you use")
    return _named(best)


def _rows(result: AuditResult, defense: str) -> list[Row]:
    """Return what was measured on a defense. Raises ConfigError if nothing was."""
    measured = rows_of(result.exposure[result.exposure["mean"].notna()])
    if not measured:
        raise ConfigError("the audit has not measured how many users an attack reaches")
    if own := [row for row in measured if _named(row) == _plain(defense)]:
        return own
    raise ConfigError(f"defense = {_plain(defense)}: it was not audited; audited were {', '.join(dict.fromkeys(map(_named, measured)))}")


def _judged(curve: Sequence[Row], max_exposure: float, accounts: int) -> Check:
    """Judge an attack by all that was tried of it."""
    below = [row for row in curve if row["accounts"] <= accounts]
    above = sorted((row for row in curve if row["accounts"] >= accounts), key=_number)[:1]
    over = [row for row in below if row["mean"] > max_exposure]
    nearby = [row for row in below if row["accounts"] >= _NEAR * accounts]
    if over:
        is_passed, deciding = False, over
    elif nearby or (above and above[0]["mean"] <= max_exposure):
        is_passed, deciding = True, [*below, *(above if not nearby else [])]
    else:
        is_passed, deciding = None, [*below, *above]
    worst = max(deciding, key=lambda row: (row["mean"], -row["accounts"]))
    attack, found = _plain(worst["attack"]), "; ".join(_reached(row) for row in _neighbours(below, above))
    sentence = (
        f"{attack} was not tried with {accounts_of(accounts)}: {found}" if is_passed is None else f"{attack} reaches {_reached(worst)}"
    )
    if is_passed and worst["accounts"] > accounts:
        sentence += " (more than are asked for)"
    upper = float(worst["upper"])
    return Check(attack, _named(worst), accounts, max_exposure, is_passed, float(worst["mean"]), upper, sentence)


def _neighbours(below: Sequence[Row], above: Sequence[Row]) -> Iterator[Row]:
    """Yield the largest number of accounts that is not above the one in question, and the smallest above it."""
    yield from sorted(below, key=_number)[-1:]
    yield from above


def _number(row: Row) -> int:
    return int(row["accounts"])


def _reached(row: Row) -> str:
    seeds = int(row["seeds"])
    bounds = f", with another seed up to {_percent(row['upper'])}" if seeds > 1 else ", with a single seed"
    bounds = " at the peak" if isnan(row["upper"]) else bounds
    return f"{_percent(row['mean'])} of the users with {accounts_of(_number(row))}{bounds}"


def _named(row: Row) -> str:
    """Return what a defense is called, with its settings."""
    return _plain(f"{row['defense']} {row['settings'] or ''}".strip())


def _percent(share: float) -> str:
    """Return a share with so many digits that one sees whether it is over a limit."""
    return level(round(share, 4))


def _plain(value: Any) -> str:
    """Return a value as text that XML and a terminal can hold: a report is not trusted."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(value))
