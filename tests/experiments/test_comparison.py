"""Verdicts on single numbers: agrees, one draw, differs."""

import pytest

from experiments.analysis.comparison import Comparison
from experiments.analysis.measured import MeasuredCell
from experiments.analysis.released_runs import ReleasedRuns

IPE = {"attack": "pieck_ipe"}


def cell(*values, metric="ER@10"):
    runs = {
        seed: {"best": {"epoch": 1, metric: value}, "curve": {"epoch": [1, 2], metric: [value, 0.0]}} for seed, value in enumerate(values)
    }
    return MeasuredCell("paper/table3", IPE, "ml100k", runs)


def compared(printed, *values, metric="ER@10", released=()):
    groups = [ReleasedRuns({}, [{metric: str(value)} for value in group]) for group in released]
    return Comparison("table3", IPE, metric, printed, cell(*values, metric=metric), groups)


@pytest.mark.parametrize(
    ("printed", "values", "verdict"),
    [
        (87.47, (0.80, 0.85), "agrees"),
        (99.0, (0.902, 0.905), "agrees"),  # both above 90
        (87.47, (0.3, 0.95), "one draw"),
        (87.47, (0.3, 0.5), "differs"),
        (87.47, (0.3,), "differs"),  # a single seed has no range
        (100.0, (0.0, 0.0, 1.0), "one draw"),
        (100.0, (0.0, 0.0, 0.9999999), "one draw"),  # two digits are compared, as printed
    ],
)
def test_one_draw_is_a_range_that_holds_the_papers_number(printed, values, verdict):
    assert compared(printed, *values).verdict == verdict


def test_the_released_codes_runs_are_a_range_too_but_settings_are_not_mixed():
    wide = compared(87.47, 0.3, 0.5, released=[(64.81, 89.98)])
    assert (wide.verdict, wide.draws) == ("one draw", ["released code"])
    assert compared(87.47, 0.3, 0.5, released=[(64.81,), (89.98,)]).verdict == "differs"
    repeated = compared(87.33, 0.3, 0.5, released=[(87.33,)])
    assert repeated.verdict == "one draw"  # the same number, to the digit
    assert compared(87.47, 0.86, released=[(64.81, 89.98)]).verdict == "agrees"


def test_hits_have_the_same_verdicts():
    assert compared(57.0, 0.541, 0.545, metric="HR@10").verdict == "agrees"
    assert compared(57.0, 0.40, 0.571, metric="HR@10").verdict == "one draw"
    assert compared(57.0, 0.40, 0.41, metric="HR@10").verdict == "differs"


def test_what_was_not_measured_has_no_verdict():
    assert Comparison("table3", IPE, "ER@10", 87.47, None).verdict is None
    other = Comparison("table5", IPE, "ER@5", 85.99, cell(0.8))
    assert other.verdict is None and other.by("near_best") is None and other.swinging == []  # only ER@10 was kept


def test_seeds_whose_best_epoch_is_not_like_those_around_it():
    one = compared(50.0, 0.5, 0.1)  # half of it one epoch later
    assert one.by("near_best") == pytest.approx(15) and one.by("peak") == pytest.approx(30)
    assert one.by("exposed") == pytest.approx(50) and one.swinging == [0]
