"""The gate for pipelines, on made-up audits."""

from typing import Any
from xml.etree import ElementTree

import pandas as pd
import pytest

from fedrec.auditing.audit_result import COLUMNS, AuditResult
from fedrec.auditing.gate import RECOMMENDED, check, conclusion, junit
from fedrec.config.validation import ConfigError

FACTS: dict[str, Any] = {"dataset": "ml100k", "model": "mf", "users": 943, "command": "python -m fedrec.audit dataset=ml100k"}
OPEN = {"pieck_uea": {3: 0.004, 8: 0.12, 47: 0.9}, "popular": {47: 0.3}}  # ER@10 by attack and number of accounts
HELD = {"pieck_uea": {30: 0.01, 47: 0.03}, "popular": {47: 0.02, 94: 0.2}}


def audited(**defenses: dict[str, dict[int, float]]) -> AuditResult:
    """An audit that has measured this by defense, attack and number of accounts; it recommends flame."""
    rows = [
        dict(zip(COLUMNS["exposure"], (attack, defense, "", n, n / 943, 3, mean, mean / 2, min(1.0, 2 * mean), mean), strict=True))
        for defense, attacks in defenses.items()
        for attack, curve in attacks.items()
        for n, mean in curve.items()
    ]
    front = [{"defense": name, "settings": "", "recommended": name == "flame"} for name in defenses]
    tables: dict[str, Any] = {"exposure": rows, "front": front}
    frames = {name: pd.DataFrame(tables.get(name, []), columns=list(columns)) for name, columns in COLUMNS.items()}
    return AuditResult(FACTS, [], [], **frames)


def passed(result: AuditResult, *limits: Any) -> dict[str, bool | None]:
    return {one.attack: one.is_passed for one in check(result, *limits)}


@pytest.mark.parametrize(
    ("max_exposure", "accounts", "expected"),
    [
        (0.05, 8, {"pieck_uea": False, "popular": None}),
        (0.05, 7, {"pieck_uea": None, "popular": None}),  # 3 keep the limit and 8 do not
        (0.05, 3, {"pieck_uea": True, "popular": None}),
        (0.5, 5, {"pieck_uea": True, "popular": True}),  # eight and 47 accounts keep it, too
        (0.5, 50, {"pieck_uea": False, "popular": True}),  # 47 are nearly 50
        (0.95, 60, {"pieck_uea": None, "popular": None}),  # but not nearly 60
        (0.004, 3, {"pieck_uea": True, "popular": None}),  # the limit itself is allowed
        (0.1, 1000, {"pieck_uea": False, "popular": False}),  # fewer accounts are enough
    ],
)
def test_what_was_tried_decides_and_nothing_between(max_exposure: float, accounts: int, expected: dict[str, bool | None]) -> None:
    result = audited(none=OPEN)
    if any(value is not None for value in expected.values()):
        assert passed(result, max_exposure, accounts) == expected
    else:
        with pytest.raises(
            ConfigError, match=rf"^accounts = {accounts}: the audit cannot tell, behind none it tried 3, 8, 47; \S+ was not"
        ):
            check(result, max_exposure, accounts)


def test_a_defense_is_no_weaker_where_more_accounts_reach_less() -> None:
    """FoolsGold finds many alike rather than few."""
    assert passed(audited(none={"sign_flip": {2: 0.4, 20: 0.01}}), 0.05, 20) == {"sign_flip": False}


def test_the_defense_in_use_is_checked() -> None:
    result = audited(none=OPEN, flame=HELD)
    assert passed(result, 0.05, 47, "flame") == passed(result, 0.05, 47, RECOMMENDED) == {"pieck_uea": True, "popular": True}
    assert {one.defense for one in check(result, 0.05, 47)} == {"none"}


def test_settings_belong_to_the_name_of_a_defense() -> None:
    result = audited(flame=HELD)
    result.exposure.loc[0, "settings"] = "defense.noise=0.1"
    (tuned,) = check(result, 0.05, 30, "flame defense.noise=0.1")
    assert (tuned.defense, tuned.exposure, tuned.upper) == ("flame defense.noise=0.1", 0.01, 0.02)


@pytest.mark.parametrize(
    ("result", "limits", "message"),
    [
        (audited(none=OPEN), (5, 50), "max-exposure = 5: must be a share of the users, from 0 to 1"),
        (audited(none=OPEN), (float("nan"), 50), "max-exposure = nan: must be a share"),
        (audited(none=OPEN), (0.05, 0), "accounts = 0: must be a number of accounts, at least 1"),
        (audited(), (0.05, 50), "the audit has not measured how many users an attack reaches"),
        (audited(none=OPEN, flame=HELD), (0.05, 50, "krum"), "defense = krum: it was not audited; audited were none, flame"),
        (audited(none=OPEN), (0.05, 50, RECOMMENDED), "the audit recommends no defense; name the one that you use"),
        (
            audited(none={"popular": {47: 0.3}}),
            (0.05, 5),
            "accounts = 5: the audit cannot tell, behind none it tried 47; popular was not tried with 5 accounts: "
            "30 % of the users with 47 accounts, with another seed up to 60 %",
        ),
    ],
)
def test_what_cannot_be_told_is_refused_in_one_line(result: AuditResult, limits: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check(result, *limits)
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)


def test_the_conclusion_is_one_line_and_names_what_is_not_known() -> None:
    (line,), status = conclusion(check(audited(flame=HELD), 0.05, 40, "flame"))
    assert (status, *line.split(": ")) == (
        *(0, "kept (at most 5 % with up to 40 accounts, defense", "flame)"),
        "pieck_uea reaches 3 % of the users with 47 accounts, with another seed up to 6 % (more than are asked for)",
    )
    (line, unknown), status = conclusion(check(audited(none=OPEN), 0.05, 8))
    assert (status, *line.split(": ")) == (
        *(1, "exceeded (at most 5 % with up to 8 accounts, defense", "none)"),
        "pieck_uea reaches 12 % of the users with 8 accounts, with another seed up to 24 %",
    )
    assert unknown == ("not known: popular was not tried with 8 accounts: 30 % of the users with 47 accounts, with another seed up to 60 %")


def test_weaker_attacks_do_not_pass_for_the_strongest_one() -> None:
    result = audited(none={"popular": {47: 0.02}, "pieck_uea": {3: 0.004, 47: 0.3}})
    with pytest.raises(ConfigError, match=r"the audit cannot tell.*pieck_uea was not tried with 8 accounts"):
        check(result, 0.05, 8)
    assert passed(result, 0.05, 3) == {"popular": True, "pieck_uea": True}


def test_a_single_seed_is_told() -> None:
    result = audited(none=OPEN)
    result.exposure["seeds"] = 1
    assert check(result, 0.05, 8)[0].sentence == "pieck_uea reaches 12 % of the users with 8 accounts, with a single seed"


def test_the_peak_may_be_judged() -> None:
    result = audited(flame=HELD)
    result.exposure.loc[result.exposure["accounts"] == 47, "peak"] = 0.84
    assert all(one.is_passed for one in check(result, 0.05, 47, "flame"))
    (line,), status = conclusion(check(result, 0.05, 47, "flame", peak=True))
    assert (status, line) == (
        1,
        "exceeded (at most 5 % with up to 47 accounts, defense: flame): pieck_uea reaches 84 % of the users with 47 accounts at the peak",
    )


def test_junit_has_a_case_for_each_attack() -> None:
    suite = ElementTree.fromstring(junit(check(audited(none=OPEN | {"random": {8: 0.0}}), 0.05, 8), FACTS))
    assert suite.attrib == {"name": "fedrec.audit", "tests": "3", "failures": "1", "errors": "0", "skipped": "1"}
    assert {one.attrib["name"]: one.attrib["value"] for one in suite.iter("property")} == {
        "max_exposure": "0.05",
        "accounts": "8",
        "defense": "none",
        **{name: str(value) for name, value in FACTS.items()},
    }
    cases = {case.attrib["name"]: [part.tag for part in case] for case in suite.iter("testcase")}
    assert cases == {"pieck_uea": ["failure"], "popular": ["skipped"], "random": ["system-out"]}
    (failure,) = suite.iter("failure")
    assert failure.attrib["message"].startswith("pieck_uea reaches 12 % of the users with 8 accounts")


def test_names_that_are_markup_stay_text() -> None:
    """An audit.json may come from anywhere."""
    name = 'a"<b>&\x1b[31m\x00'
    (one,) = checks = check(audited(none={name: {8: 0.12}}), 0.05, 8)
    (case,) = ElementTree.fromstring(junit(checks, {"dataset": name})).iter("testcase")
    assert case.attrib["name"] == one.attack == 'a"<b>&?[31m?'
    assert all(line.isprintable() for line in conclusion(checks)[0])
