"""The share of the quality that an attack without targets destroys."""

import math

from hypothesis import given
from hypothesis import strategies as st

from fedrec.evaluation.degradation import as_harm, degradation

SHARES = st.floats(0, 1).map(lambda share: round(share, 6))
METRICS = ("HR@10", "NDCG@10", "full_HR@5", "MRR@20")


@given(st.dictionaries(st.sampled_from(METRICS), SHARES), st.dictionaries(st.sampled_from(METRICS), SHARES))
def test_every_metric_that_both_runs_have_loses_its_share(with_: dict[str, float], without: dict[str, float]) -> None:
    found = degradation(with_, without)
    assert set(found) == {name for name in with_ if without.get(name, 0.0) > 0}
    for name, lost in found.items():
        assert math.isclose(without[name] * (1 - lost), with_[name], abs_tol=1e-9)
        assert lost <= 1 and 0 <= as_harm(lost) <= 1


def test_a_run_loses_nothing_against_itself() -> None:
    same = dict.fromkeys(METRICS, 0.3)
    assert degradation(same, same) == dict.fromkeys(METRICS, 0.0)


def test_what_is_no_quality_on_the_test_item_has_no_ratio() -> None:
    others = dict.fromkeys(("round", "epoch", "ER@10", "HR@10_stderr", "validation_HR@10", "coverage@10", "PKL@50", "poison_share"), 0.5)
    assert degradation(others, others) == {}
