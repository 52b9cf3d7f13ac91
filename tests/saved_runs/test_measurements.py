"""The tables of a run, from evaluations that are given."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fedrec.interfaces import Evaluation
from fedrec.saved_runs.measurements import evaluations_of, exposure_columns, metric_columns
from fedrec.saved_runs.saved_run import SavedRun
from fedrec.tracking.parquet_columns import write_columns
from tests.saved_runs.small_runs import prepared


def evaluation(epoch: int, quality: float, exposures: Sequence[float | None]) -> Evaluation:
    known = [one for one in exposures if one is not None]
    return Evaluation(5 * epoch, epoch, {"ER@10": sum(known) / len(known), "HR@10": quality}, {"ER@10": exposures})


def test_each_rule_reports_each_target_at_the_epoch_of_the_whole_run(tmp_path: Path) -> None:
    """The first target is highest in epoch 1, but the mean is highest in epoch 7. Nobody counts for the third target."""
    told = [(1, 0.1, (0.9, 0.0, None)), (7, 0.2, (0.5, 1.0, None)), (8, 0.3, (0.2, 0.6, None)), (9, 0.0, (0.125, 0.25, None))]
    run = prepared(tmp_path, "attack.num_targets=3")
    table = pd.DataFrame(exposure_columns(run.info, [evaluation(*one) for one in told], run.evaluator))
    expected = {"best": (0.2, 0.6), "near_best": (0.275, 1.85 / 3), "peak": (0.5, 1.0), "final": (0.125, 0.25)}
    assert [name for name in table if "ER@" in str(name)] == [f"{rule}/ER@10" for rule in expected]
    for rule, values in expected.items():
        assert table[f"{rule}/ER@10"].tolist() == pytest.approx([*values, np.nan], nan_ok=True)
    assert table["seen_by@10"].tolist() == [round(share * users) for share, users in zip((0.125, 0.25, 0), table["users"], strict=True)]


def test_a_metric_that_an_evaluation_lacks_is_no_number() -> None:
    columns = metric_columns([Evaluation(4, 1, {"HR@10": 0.5}), Evaluation(8, 2, {"HR@10": 0.25, "poison_share_observed": 0.125})])
    assert {name: values.tolist() for name, values in columns.items()} == {
        "round": [4, 8],
        "epoch": [1, 2],
        "HR@10": [0.5, 0.25],
        "poison_share_observed": pytest.approx([np.nan, 0.125], nan_ok=True),
    }


def test_columns_are_evaluations_again(tmp_path: Path) -> None:
    """Through a file, to the last bit; what an evaluation lacks it lacks again."""
    before = [Evaluation(4, 1, {"HR@10": 1 / 3}), Evaluation(8, 2, {"HR@10": 0.1 + 0.2, "poison_share_observed": 0.125})]
    write_columns(tmp_path / "evaluations.parquet", [metric_columns(before)])
    assert evaluations_of(SavedRun(tmp_path).metrics) == before
