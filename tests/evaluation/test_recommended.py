"""Coverage and Gini index of what users are recommended, against plain loops."""

from random import Random
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedrec.evaluation import user_block
from tests.evaluation.scored import OPTIONS, Scored, scored
from tests.reference import rankings as oracle

MEASURED = ["ER", "coverage", "gini"]
DISTINCT = [float("nan"), float("-inf"), *(0.25 * n for n in range(-40, 40))]


@given(case=scored(), order=st.randoms(use_true_random=False), max_users=st.integers(1, 5) | st.none(), width=st.sampled_from([1, 16]))
def test_equals_the_oracle(case: Scored, order: Random, max_users: int | None, width: int) -> None:
    """Scores of a user are distinct, so that the lists are certain; some are not a number, and some lists are short."""
    case.scores = [order.sample(DISTINCT, case.n_items) for _ in case.scores]
    with mock.patch.multiple(user_block, BLOCK_SCORES=width * case.n_items, WIDTH_MULTIPLE=width):
        evaluator = case.evaluator(metrics=MEASURED, max_users=max_users)
    metrics = evaluator.evaluate()
    for k in OPTIONS["k"]:
        lists = []
        for user in evaluator.users.tolist():
            offered = {item: score for item, score in enumerate(case.scores[user]) if item not in case.train[user]}
            lists.append(oracle.recommended(offered, k))
        assert metrics[f"coverage@{k}"] == pytest.approx(oracle.coverage(lists, case.n_items))
        assert metrics[f"gini@{k}"] == pytest.approx(oracle.gini(lists, case.n_items))


@given(case=scored())
def test_they_disturb_nothing_else(case: Scored) -> None:
    alone, all_of_them = case.evaluator(metrics=["ER", "HR", "full_HR"]).evaluate(), case.evaluator().evaluate()
    assert alone == {name: all_of_them[name] for name in alone}


def test_a_list_is_made_only_if_it_is_asked_for() -> None:
    case = Scored([[1.0, 2.0, 3.0, 4.0, 5.0]], [[0]], [[1]])
    with mock.patch.object(user_block, "recommend") as recommend:
        metrics = case.evaluator(metrics=["ER", "full_HR"]).evaluate()
    assert not recommend.called and not {"coverage@1", "gini@1"} & metrics.keys()
