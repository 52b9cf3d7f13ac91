"""The tables that a user sees at the end of a run."""

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from fedrec.evaluation.epoch_selection import select
from fedrec.interfaces import Evaluation
from fedrec.tracking.results import show_results

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
    settings = {"selection": "HR@10", "exposed_above": 0.01, **options}
    evaluations = [Evaluation(4 * epoch, epoch, metrics) for epoch, metrics in enumerate(rows, 1)]
    show_results(
        {
            "config": {"evaluation": settings},
            "target_items": [1494],
            "target_titles": None,
            "malicious_clients": 49,
            "dataset": {"users": 943},
            "rounds": 4 * len(rows),
            "evaluations": len(rows),
            "undefined": undefined,
            **select(evaluations, str(settings["selection"]), float(settings["exposed_above"])),
            "seconds": {"total": 99.9, "train": 88.8, "evaluate": 10.0, "track": 1.1},
            "peak_memory_mb": 312.4,
        },
        FOLDER,
    )
    return capsys.readouterr().out.splitlines()


def cells(lines: list[str], name: str) -> list[str]:
    (line,) = [line for line in lines if re.split(r" *[│┃]", line)[0] == name]
    return [cell.strip() for cell in re.split(r"[│┃]", line)[1:]]


def test_exposure_and_hits_come_first_and_every_rule_has_a_column(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"HR@5": 0.1, "HR@10": hits, "ER@5": 0.2, "ER@10": exposure} for hits, exposure in ((0.2, 0.5), (0.6, 0.02), (0.4, 0.005))]
    lines = shown(capsys, monkeypatch, rows)
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
    assert max(len(line) for line in lines if not line.startswith(("results: ", "4000 rounds"))) <= 80
    assert not any("…" in line for line in lines)
    assert f"exposed: in 50.0 % of {len(rows)} evaluations more than 1.5 % of the users saw a target" in lines


@pytest.mark.parametrize(("around", "swings"), [(0.64, False), (0.66, True), (0.36, False), (0.34, True)])
def test_a_line_says_that_the_exposure_swings(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, around: float, swings: bool
) -> None:
    """The best of three epochs has 50 %, so that the mean is ten points away if the others have 35 or 65 %."""
    lines = shown(capsys, monkeypatch, [{"HR@10": hits, "ER@10": er} for hits, er in ((0.9, 0.5), (0.1, around), (0.1, around))])
    mean = 100 * (0.5 + 2 * around) / 3
    assert [line for line in lines if "swings" in line] == swings * [
        f"ER@10 swings: 50.00 % at the best epoch, {mean:.2f} % within 5 epochs of it"
    ]


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
    seconds = {"total": 9.9, "train": 8.8, "evaluate": 1.0, "track": 0.1}
    show_results({"rounds": 3, "evaluations": 0, "seconds": seconds, "peak_memory_mb": None}, FOLDER)
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["3 rounds in 9.9 s (train 8.8 s, evaluate 1.0 s, track 0.1 s)", f"results: {FOLDER}"]
