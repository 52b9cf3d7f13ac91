"""Estimates of how long cells take."""

import json

import pandas as pd
import pytest

from fedrec.campaigns.cells import Cell
from fedrec.campaigns.estimates import Estimates


def table(*rows: tuple[str, str, str, float]) -> pd.DataFrame:
    told = [(experiment, dataset, setting, json.dumps({"seconds": {"total": total}})) for experiment, dataset, setting, total in rows]
    return pd.DataFrame(told, columns=["experiment", "dataset", "setting", "result"])


def cell(experiment: str, setting: str) -> Cell:
    return Cell(experiment, (), "ml100k", 0, setting, "", "")


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
