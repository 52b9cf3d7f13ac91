"""The released code's own runs: the small table in printed/, and the cells that it belongs to."""

import os
from pathlib import Path

import pandas as pd
import pytest

from experiments.analysis.released_runs import FILE, SETTING, of_cell, released_runs
from experiments.analysis.tables import printed
from fedrec.evaluation.epoch_selection import NEAR


def test_every_run_belongs_to_cells_that_the_paper_prints():
    runs = released_runs()
    assert sum(len(group.runs) for group in runs) == 17 and len({tuple(group.setting.items()) for group in runs}) == len(runs)
    for group in runs:
        assert group.places
        for table, choices in group.places:
            assert sum(own == choices for own, _ in printed(table)) == 1, (table, choices)


def test_a_cell_has_the_runs_of_its_own_setting():
    (group,) = of_cell("table9_together", {"attack.num_targets": "5", "attack": "pieck_uea", "defense": "none"})
    assert group.values("ER@10") == [81.84] and group.values("ER@5") == []
    defended = of_cell("table4", {"model": "mf", "attack": "pieck_uea", "defense": "trimmed_mean"})
    assert [group.setting["N"] for group in defended] == ["50", "150"]  # not one range
    assert of_cell("table9_copy", {"attack.num_targets": "5", "attack": "pieck_uea", "defense": "none"}) == []
    (ml1m,) = of_cell("table3", {"model": "mf", "dataset": "ml1m", "attack": "pieck_ipe"})
    assert ml1m.values("ER@10") == [0.0, 0.0, 0.0, 90.47]


def test_the_table_is_what_the_whole_trajectories_say():
    file = Path(os.environ.get("FEDREC_DATA", ""), "golden/released_code_runs.csv")
    if "FEDREC_DATA" not in os.environ or not file.is_file():
        pytest.skip("FEDREC_DATA names no folder with golden/released_code_runs.csv")
    trajectories = pd.read_csv(file, keep_default_na=False, dtype={"seed": str})
    trajectories["dataset"] = trajectories["dataset"].str.replace("-", "")
    rows = []
    for setting, run in trajectories.groupby([*SETTING, "seed"]):
        best = run.loc[run["HR@10"].idxmax()]
        near = run[(run["epoch"] - best["epoch"]).abs() <= NEAR]["ER@10"].mean()
        percent = [round(100 * value, 2) for value in (best["ER@10"], best["HR@10"], near)]
        rows.append([*setting, run["epoch"].max(), best["epoch"], *percent])
    table = pd.read_csv(FILE, keep_default_na=False, dtype={"seed": str})
    expected = pd.DataFrame(rows, columns=table.columns)
    pd.testing.assert_frame_equal(table, expected, check_dtype=False, rtol=0, atol=0.0051)
