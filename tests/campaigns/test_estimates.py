"""Estimates of how long cells take."""

import json

import pandas as pd
import pytest

from fedrec.campaigns.cells import Cell
from fedrec.campaigns.estimates import Estimates


def table(*rows: tuple[str, str, str, float]) -> pd.DataFrame:
    return pd.DataFrame([told(*row) for row in rows])


def told(experiment: str, dataset: str, setting: str, total: float, *point: str, **more: float) -> dict[str, str]:
    result = json.dumps({"seconds": {"total": total, **more}})
    return {"experiment": experiment, "dataset": dataset, "setting": setting, "point": json.dumps(point), "result": result}


def cell(experiment: str, setting: str, *point: str) -> Cell:
    return Cell(experiment, point, "ml100k", 0, setting, "", "")


def test_the_same_setting_counts_before_the_mean_of_its_experiment():
    earlier = table(("table3", "ml100k", "a", 2.0), ("table3", "ml100k", "b", 4.0), ("table3", "ml1m", "c", 99.0))
    estimates = Estimates([earlier, table(("table3", "ml100k", "a", 6.0))])
    assert estimates.seconds(cell("table3", "a")) == 6.0
    assert estimates.seconds(cell("table3", "unknown")) == pytest.approx(4.0)
    assert estimates.seconds(cell("table4", "unknown")) == 10.0


def test_workers_share_the_time_but_no_run_is_shared():
    estimates = Estimates([table(("table3", "ml100k", "a", 2.0), ("table3", "ml100k", "long", 30.0))])
    cells = [cell("table3", "a")] * 4
    assert estimates.total(cells, 2) == 4.0
    assert estimates.total([*cells, cell("table3", "long")], 2) == 30.0
    assert estimates.total([], 2) == 0.0


def test_runs_that_differ_in_one_choice_count_before_all_others():
    rows = [("board", "ml100k", "a", 2.0, "attack=none", "defense=krum"), ("board", "ml100k", "b", 8.0, "attack=none", "defense=nnm")]
    estimates = Estimates([pd.DataFrame([told(*row) for row in rows])])
    assert estimates.seconds(cell("board", "unknown", "attack=pipa", "defense=krum")) == 2.0
    assert estimates.seconds(cell("board", "unknown", "attack=none", "defense=ours")) == 5.0
    assert estimates.seconds(cell("board", "unknown", "attack=pipa", "defense=ours")) == 5.0


def test_cpu_time_counts_where_it_was_kept():
    estimates = Estimates([pd.DataFrame([told("board", "ml100k", "a", 9.0, cpu=2.0)])])
    assert estimates.seconds(cell("board", "a")) == 2.0
