"""The tables that a user sees at the end of a run."""

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from fedrec.tracking.results import in_one_line, show_results
from tests.tracking.summaries import ended, untargeted

FOLDER = Path("outputs") / ("x" * 60)


def shown(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    rows: list[dict[str, float]],
    undefined: Mapping[str, str] = MappingProxyType({}),
    **options: Any,
) -> list[str]:
    """The lines at 80 columns, after an evaluation in every epoch."""
    monkeypatch.setenv("COLUMNS", "80")
    show_results(ended(rows=rows, undefined=undefined, **options), FOLDER)
    return capsys.readouterr().out.splitlines()


def cells(lines: list[str], name: str) -> list[str]:
    (line,) = [line for line in lines if re.split(r" *[│┃]", line)[0] == name]
    return [cell.strip() for cell in re.split(r"[│┃]", line)[1:]]


def test_exposure_and_hits_come_first_and_every_rule_has_a_column(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"HR@5": 0.1, "HR@10": hits, "ER@5": 0.2, "ER@10": exposure} for hits, exposure in ((0.2, 0.5), (0.6, 0.02), (0.4, 0.005))]
    lines = shown(capsys, monkeypatch, rows)
    assert lines[0].startswith("Under the attack pieck_uea and with the defense ours, the target item reaches the top 10 of 2.0 % of the ")
    assert "attacker: 49 malicious clients beside 943 users" in lines
    assert cells(lines, "") == ["best", "near_best", "peak", "final"]
    assert cells(lines, "epoch") == ["2", "2 ± 5", "1", "3"]
    assert cells(lines, "ER@10") == ["2.00 %", "17.50 %", "50.00 %", "0.50 %"]
    assert cells(lines, "HR@10") == ["60.00 %", "40.00 %", "20.00 %", "40.00 %"]
    names = [line.split()[0] for line in lines if "│" in line and line.strip()]
    assert names == ["epoch", "ER@10", "HR@10", "HR@5", "ER@5"]
    assert "exposed: in 66.7 % of 3 evaluations more than 1 % of the users saw a target" in lines
    assert f"results: {FOLDER}" in lines


@pytest.mark.parametrize("selection", ["HR@10", "full_NDCG@20"])
def test_the_widest_table_fits_80_columns(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, selection: str) -> None:
    """A validation item, and standard errors over a sample of users; a long run whose exposure swings."""
    names = [f"{prefix}{name}@20" for prefix in ("", "validation_") for name in ("HR", "full_HR", "full_NDCG")]
    names = ["ER@10", "HR@10", "validation_HR@10", "ER@20", "poison_share_expected", "defense_mined_popular", *names]
    widest = dict.fromkeys([*names, *(f"{name}_stderr" for name in names)], 1.0)
    rows = [widest | {"ER@10": epoch % 2, "ER@20": epoch % 2, selection: float(epoch == 999)} for epoch in range(1, 1001)]
    lines = shown(capsys, monkeypatch, rows, selection=selection, exposed_above=0.015)
    assert cells(lines, "") == ["best", "near_best", "validation", "peak", "final"]
    assert cells(lines, "validation_full_NDCG@20 ±") == ["100 %"] * 5
    assert max(len(line) for line in lines if not line.startswith(("results: ", "4000 rounds", "Under the attack"))) <= 80
    assert not any("…" in line for line in lines)
    assert f"exposed: in 50.0 % of {len(rows)} evaluations more than 1.5 % of the users saw a target" in lines


def test_a_run_without_er(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(capsys, monkeypatch, [{"HR@10": 0.5, "PKL@1": 0.125}])
    assert cells(lines, "") == ["best", "near_best", "final"] and cells(lines, "PKL@1") == ["0.1250"] * 3
    assert not any(word in line for line in lines for word in ("exposed", "peak =", "swings"))


def test_a_metric_without_a_value_is_not_available_and_the_reason_stands_below(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    undefined = dict.fromkeys(("ER@5", "ER@10"), "everybody has it")
    lines = shown(capsys, monkeypatch, [{"HR@5": 0.25, "HR@10": 0.5}], undefined)
    assert cells(lines, "") == ["best", "near_best", "final"]
    assert cells(lines, "ER@10") == cells(lines, "ER@5") == ["n/a"] * 3
    assert cells(lines, "HR@10") == ["50.00 %"] * 3
    assert [line.split()[0] for line in lines if "│" in line and line.strip()] == ["epoch", "ER@10", "HR@10", "HR@5", "ER@5"]
    assert "n/a: ER@5, ER@10 undefined, because everybody has it" in lines
    assert not any(word in line for line in lines for word in ("exposed", "peak =", "swings", "nan"))


def test_a_metric_that_an_evaluation_lacks_is_left_blank(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(capsys, monkeypatch, [{"HR@10": 0.5}, {"HR@10": 0.25, "attack_mined_popular": 0.75}])
    assert cells(lines, "attack_mined_popular") == ["", "75.00 %", "75.00 %"]


def test_a_run_that_was_interrupted_early_and_a_system_that_does_not_tell_its_memory(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    show_results(ended(rows=[], status="KILLED", rounds=3, peak_memory_mb=None), FOLDER)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "Interrupted after 3 rounds, before the first evaluation.",
        "3 rounds in 99.9 s (train 88.8 s, evaluate 7.0 s, track 1.1 s, checkpoint 3.0 s)",
        f"results: {FOLDER}",
    ]


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        ({}, "ER@10   0.0 %, near best   0.0 %, HR@10  59.0 %, 99.9 s"),
        ({"rows": [{"HR@10": 1.0}]}, "ER@10     n/a, near best     n/a, HR@10 100.0 %, 99.9 s"),
        ({"status": "KILLED"}, "ER@10   0.0 %, near best   0.0 %, HR@10  59.0 %, 99.9 s, killed after 4 rounds"),
        ({"rows": [], "status": "FAILED"}, "ER@10     n/a, near best     n/a, HR@10     n/a, 99.9 s, failed after 0 rounds"),
        ({"rows": [{"ER@5": 0.25, "HR@5": 0.5}], "selection": "HR@5"}, "ER@5  25.0 %, near best  25.0 %, HR@5  50.0 %, 99.9 s"),
    ],
)
def test_the_line_of_a_job_says_what_a_reader_of_many_wants(facts: dict[str, Any], line: str) -> None:
    assert in_one_line(ended(**facts)) == line


def test_what_an_attack_destroys_stands_below_the_metric(capsys: pytest.CaptureFixture[str]) -> None:
    show_results(untargeted(defense="none"), FOLDER)
    lines = capsys.readouterr().out.splitlines()
    assert cells(lines, "HR@10") == ["12.50 %"] * 3 and cells(lines, "HR@10 lost") == cells(lines, "NDCG@10 lost") == ["75.00 %", "", ""]
    assert "lost = share that the attack destroys, against the same run without it" in lines
    assert "the run without the attack: references/ab12" in lines and not any("target" in line for line in lines)
    assert in_one_line(untargeted()) == "HR@10  12.5 %, lost  75.0 %, 99.9 s"
    assert in_one_line(untargeted(degradation=None)) == "HR@10  12.5 %, 99.9 s"
