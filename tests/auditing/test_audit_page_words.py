"""What the page of an audit says about accounts, seeds and curves, in words and colours that people can read."""

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from fedrec.auditing.audit_curves import first_chart
from fedrec.auditing.audit_pages import write_pages
from fedrec.auditing.audit_result import COLUMNS
from fedrec.auditing.audit_wording import bounded, interval
from fedrec.comparison.colours import INKS, readable_on
from tests.auditing.audit_page_parser import AUDITS, FEW, Page
from tests.auditing.made_up_audits import made_up_audit


def test_whoever_has_more_accounts_does_not_do_less() -> None:
    rows = [("a", 1, 0.2), ("b", 5, 0.1), ("a", 8, 0.3), ("b", 8, 0.4)]
    exposure = [dict(zip(COLUMNS["exposure"], (a, "none", "", n, n / 100, 2, y, y, y, y), strict=True)) for a, n, y in rows]
    chart = first_chart(replace(made_up_audit(1, FEW), exposure=pd.DataFrame(exposure)))
    points = [(one.x, one.y, one.source) for one in chart.lines[0].points]
    assert points == [(0, 0.0, "no attack"), (1, 0.2, "a"), (5, 0.2, "a with 1"), (8, 0.4, "b")]
    assert [line.label for line in chart.lines] == ["no defense: strongest attack"]


@pytest.mark.parametrize(
    ("least", "estimate", "most", "told"),
    [
        (5, 6.6, 8, "7 (5 to 8)"),
        (math.nan, 1, 1, "1 (up to 1)"),
        (80, 87.0, None, "87 (over 80)"),
        (94, math.nan, math.nan, "over 94"),
    ],
)
def test_accounts_in_words(least: float, estimate: float, most: float | None, told: str) -> None:
    assert interval({"least": least, "estimate": estimate, "most": most, "tried": 94}) == told


def test_the_fewest_accounts_that_were_tried_are_no_estimate(tmp_path: Path) -> None:
    row = {"least": math.nan, "estimate": 20.0, "most": 20, "tried": 94, "at_most": True}
    assert interval(row) == "at most 20"
    needed = pd.DataFrame([{"attack": "popular", "defense": "none", "settings": "", "level": 0.2, **row}])
    write_pages(replace(AUDITS["one seed"](), accounts=needed), tmp_path)
    assert "at most 20 accounts are needed, the fewest that were tried" in (tmp_path / "audit.md").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))["accounts"][0]["at_most"] is True


def test_the_page_counts_as_the_command_does(tmp_path: Path) -> None:
    """No defense is none, and an attack that takes part with two settings is one."""
    write_pages(made_up_audit(1, FEW, attacks=["min_sum num_targets=1", "min_sum", "ipm"]), tmp_path)
    assert " · 2 attacks · 2 defenses · 1 seed · " in (tmp_path / "audit.md").read_text(encoding="utf-8")


def test_the_curves_begin_without_an_account() -> None:
    audit = made_up_audit(2, FEW)
    runs = audit.runs.copy()
    runs.loc[(runs["attack"] == "none") & (runs["defense"] == "flame"), "ER@10"] = [0.1, 0.2]
    none, flame = first_chart(replace(audit, runs=runs)).lines
    assert [(one.x, one.y) for one in (none.points[0], flame.points[0])] == [(0, 0.0), (0, pytest.approx(0.15))]
    assert none.points[0].told.startswith("0 accounts: 0 %") and 0 < flame.points[0].upper < 1
    assert all(line.points[1].x == 1 for line in (none, flame))


def test_a_run_leads_to_its_page_in_mlflow(tmp_path: Path) -> None:
    audit = made_up_audit(1, FEW, mlflow="mlflow ui --backend-store-uri sqlite:///mlflow.db")
    pages = ["http://localhost:5000/#/experiments/1/runs/ab&c", "javascript:alert(1)"]
    write_pages(replace(audit, runs=audit.runs.head(2).assign(mlflow=pages)), tmp_path)
    text = (tmp_path / "audit.html").read_text(encoding="utf-8")
    assert [attributes["href"] for attributes, _ in Page(text).named("a") if attributes["href"][0] != "#"] == pages[:1]
    assert "<code>mlflow ui --backend-store-uri sqlite:///mlflow.db</code>" in text and "javascript:alert(1)" not in text


def test_one_account_and_a_level_out_of_reach_in_words(tmp_path: Path) -> None:
    result = AUDITS["one seed"]()
    rows = [
        ("pieck_uea", "none", "", 0.2, math.nan, 1.0, 1, 94, True),
        ("pieck_uea", "flame", "", 0.2, 94, math.nan, math.nan, 94, False),
    ]
    needed = pd.DataFrame(rows, columns=list(COLUMNS["accounts"]))
    single = result.exposure[(result.exposure["accounts"] == 1)]
    write_pages(replace(result, accounts=needed, exposure=single), tmp_path)
    text = (tmp_path / "audit.md").read_text(encoding="utf-8").replace("\\", "")
    assert "without a defense 1 account is enough (0.1 % of the users; attack pieck_uea)" in text
    assert "with flame not reached with 94 accounts, the most that were tried." in text
    assert "polygon points" in (tmp_path / "audit.html").read_text(encoding="utf-8")


def test_an_item_that_people_see_anyway_needs_no_account(tmp_path: Path) -> None:
    audit = made_up_audit()
    runs = audit.runs.copy()
    runs.loc[(runs["attack"] == "none") & (runs["defense"] == "none"), "ER@10"] = 0.3
    write_pages(replace(audit, runs=runs), tmp_path)
    text = " ".join((tmp_path / "audit.md").read_text().split())
    assert "None: without attack and defense 30 % of the users have such an item in their top" in text


def test_the_recommendation_names_another_item_that_fares_worse(tmp_path: Path) -> None:
    """But not a popular one, which people see anyway."""
    result = made_up_audit()
    own = result.items["defense"] == "flame"
    for kind, mean in (("cold", 0.001), ("tail", 0.5), ("mid", 0.002), ("head", 0.9)):
        result.items.loc[own & (result.items["kind"] == kind), "mean"] = mean
    write_pages(result, tmp_path)
    (line,) = [line for line in (tmp_path / "audit.md").read_text(encoding="utf-8").splitlines() if line.startswith("We recommend flame")]
    assert re.search(r" Of other items that are not popular, Amélie .* is shown to 50 % \(attack pieck\\_uea\)\.$", line)


def test_one_seed_has_no_bounds_and_several_have() -> None:
    assert bounded(0.4, None, math.nan) == "40 %" and bounded(0.4, 0.0, 1.0).endswith("% (0 to 100)")


def test_one_seed_draws_no_band(tmp_path: Path) -> None:
    for name, has_band in (("whole", True), ("one seed", False)):
        write_pages(AUDITS[name](), tmp_path)
        assert ('opacity="0.16"' in (tmp_path / "audit.html").read_text(encoding="utf-8")) is has_band


@pytest.mark.parametrize("ink", INKS)
def test_letters_on_white_have_a_contrast_of_four_and_a_half(ink: str) -> None:
    parts = [int(ink[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    assert 1.05 / (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05) >= 4.5
    assert readable_on(*parts) == "white"
