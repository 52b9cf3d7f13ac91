"""`python -m experiments.report`: the files that it writes."""

import json
from pathlib import Path

import pandas as pd
import pytest

from experiments.analysis.explanations import explanation, explanations
from experiments.analysis.measured import Measured
from experiments.analysis.tables import TABLES, comparisons
from experiments.report import main
from fedrec.campaigns.store import COLUMNS

COMMITTED = Path(__file__).parents[2] / "experiments/results"


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A report of two seeds of a few experiments."""
    folder = tmp_path_factory.mktemp("report")
    runs = pd.read_parquet(COMMITTED / "runs.parquet")
    names = [f"paper/{name}" for name in ("table2", "table5", "fig3", "fig4")]
    some = runs[runs["experiment"].isin([*names, "beyond/told_interactions"]) & (runs["seed"] < 2)]
    some.to_parquet(folder / "some.parquet")
    assert main([f"runs={folder}/some.parquet", f"to={folder}/written"]) == 0
    return folder / "written"


def test_a_report_says_what_has_been_measured_and_what_has_not(report):
    text = (report / "README.md").read_text()
    assert "Seeds: ML-100K 2" in text.replace("\n", " ")
    (row,) = [line for line in text.splitlines() if line.startswith("| PIECK-UEA | ours | 5 | ") and " 39.66 " in line]
    assert row.count(" to ") >= 1 and row.endswith("| 2 | agrees |")
    assert "| MF-FRS | ML-100K | PIECK-UEA | not measured | 93.39 |  |" in text
    assert "| cells | ER@10 agree | ER@10 agree or are one draw |" in text
    assert "### Where the best epoch is luck" in text and "| 90.47 |" in text  # the released code's own run
    assert "<br>" not in text


def test_the_numbers_of_a_table_are_data_too(report):
    table = pd.read_csv(report / "data/table5.csv")
    assert list(table["seeds"].unique()) == [2] and len(table) == 20
    assert {"attack", "metric", "printed", "measured", "error", "lowest", "highest", "released", "final", "verdict"} <= set(table.columns)
    assert {"near_best", "peak", "exposed"} <= set(table.columns)
    runs = pd.read_parquet(report / "runs.parquet")
    assert tuple(runs.columns) == COLUMNS
    assert json.loads(runs["point"].iloc[0]) == ["model=mf"] and runs["experiment"].iloc[0] == "paper/table2"


def test_figures_are_pictures_with_their_data(report):
    for name in ("fig3", "fig4"):
        assert (report / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert f"]({name}.png)" in (report / "README.md").read_text()
    points = pd.read_csv(report / "data/fig4.csv")
    assert len(points) == 2 * 4 * 50  # two models, four rounds, fifty items
    assert set(points["y"]) == {"round 4", "round 8", "round 20", "round 80"}


def test_a_report_is_rebuilt_from_its_own_runs(report, tmp_path):
    assert main([f"runs={report}/runs.parquet", f"to={tmp_path}"]) == 0
    assert (tmp_path / "README.md").read_text() == (report / "README.md").read_text()
    assert (tmp_path / "fig4.png").read_bytes() == (report / "fig4.png").read_bytes()


def test_the_committed_report_is_what_its_runs_say(tmp_path):
    """And every explanation is about a cell that differs."""
    assert main([f"runs={COMMITTED}/runs.parquet", f"to={tmp_path}"]) == 0
    for name in ("README.md", "report.html"):
        assert (tmp_path / name).read_text() == (COMMITTED / name).read_text()
    measured = Measured.of(pd.read_parquet(COMMITTED / "runs.parquet"))
    differing = [one for table in TABLES for one in comparisons(measured, table) if one.verdict == "differs"]
    assert {explanation(one) for one in differing} - {None} == set(range(len(explanations())))
