"""Comparisons of measured with printed numbers."""

import pytest

from experiments.analysis.measured import MeasuredCell
from experiments.analysis.tables import TABLES, agreement, comparisons
from experiments.render.cell_table import cell_table
from tests.experiments.made_up import as_printed


def test_the_paper_agrees_with_itself():
    everything = [one for table in TABLES for one in comparisons(as_printed(), table)]
    assert len(everything) > 350 and {one.verdict for one in everything} == {"agrees", None}
    assert all(one.measured == pytest.approx(one.printed) and one.error == 0 for one in everything)
    assert agreement(everything, "ER@10") == {"agrees": 161, "one draw": 0, "differs": 0}


def test_tolerance_is_10_points_of_er_or_the_same_side_and_3_of_hr():
    for shift, (er, hr) in {2.9: (True, True), 3.1: (True, False), -11: (False, False)}.items():
        (none, *_, uea) = [
            one for one in comparisons(as_printed(shift), "table10") if one.choices["system.client_learning_rate"] == "[0.01,1.0]"
        ]
        assert (none.metric, uea.metric) == ("ER@10", "HR@10") and (uea.verdict == "agrees") is hr
        dropped = next(one for one in comparisons(as_printed(shift), "table10") if one.printed == 55.69)
        assert (dropped.verdict == "agrees") is er
    high = next(one for one in comparisons(as_printed(-9), "table3") if one.printed == 100.0)
    assert high.measured == pytest.approx(91) and high.verdict == "agrees"


def test_seeds_are_averaged_with_their_standard_error():
    runs = {seed: {"best": {"ER@10": value}, "final": {"ER@10": 0.0}} for seed, value in enumerate((0.1, 0.2, 0.6))}
    cell = MeasuredCell("paper/table3", {}, "ml100k", runs)
    assert cell.mean("ER@10") == pytest.approx(0.3) and cell.error("ER@10") == pytest.approx(0.2646 / 3**0.5, abs=1e-4)
    assert MeasuredCell("paper/table3", {}, "ml100k", {0: runs[0]}).error("ER@10") is None


def test_a_table_has_one_row_a_cell_with_measured_paper_difference_and_verdict(monkeypatch):
    monkeypatch.setattr("experiments.render.cell_table.explanation", lambda one: 1 if one.metric == "ER@10" else None)
    lines = cell_table(comparisons(as_printed(-11), "table11")).splitlines()
    numbers = "ER@10 | paper | difference | near best | HR@10 | paper | difference"
    assert lines[0] == f"| loss | attack | defense | {numbers} | seeds | ER@10 of the released code | verdict |"
    assert len(lines) == 2 + 10
    row = next(line for line in lines if line.startswith("| BPR | PIECK-IPE | NoDefense"))
    assert row.split(" | ")[3:7] == ["72.14", "83.14", "-11.00", "72.14"]
    assert row.endswith("| 3 |  | **ER differs** ([b](#why-b)), **HR differs** (no reason known) |")


def test_seeds_are_shown_with_their_range_beside_the_released_codes_runs():
    measured = as_printed()
    cell = measured.find("table11", system__loss="bce", attack="pieck_ipe", defense="none")
    for seed, value in enumerate((0.2, 0.9, 0.4)):
        cell.runs[seed]["best"] = {**cell.runs[seed]["best"], "ER@10": value}
    lines = cell_table(comparisons(measured, "table11")).splitlines()
    row = next(line for line in lines if line.startswith("| BCE | PIECK-IPE | NoDefense"))
    assert row.split(" | ")[3] == "50.00 (20.00 to 90.00)"
    assert row.endswith("| 3 | 82.57, 82.46, 64.81, 89.98, 89.07 (N = 10) | ER one draw (our seeds, released code) |")


def test_metrics_at_several_k_get_a_row_for_each():
    head, _, first, second, *_ = cell_table(comparisons(as_printed(), "table5")).splitlines()
    assert head == "| attack | defense | K | ER@K | paper | difference | near best | HR@K | paper | difference | seeds | verdict |"
    assert first.startswith("| NoAttack | NoDefense | 5 | 0.00 | 0.00 |") and second.startswith("| NoAttack | NoDefense | 20 |")
    assert first.endswith("| 3 | agrees |")


def test_statistics_of_data_sets_are_rows_without_a_verdict():
    head, _, first, *_ = cell_table(comparisons(as_printed(), "table8")).splitlines()
    assert head == "| data set | quantity | measured | paper | difference |"
    assert first == "| ML-100K | users | 943 | 943 | +0 |"
