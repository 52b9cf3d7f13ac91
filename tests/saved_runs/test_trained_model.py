"""Lists and ranks agree on any scores, ties included."""

from types import SimpleNamespace
from typing import Any

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from fedrec.evaluation.evaluator import Evaluator
from fedrec.saved_runs.trained_model import TrainedModel
from tests.evaluation.scored import SOME, Scored, scored

NUMBERS = [value for value in SOME if value == value]


def lists(evaluator: Evaluator, k: int) -> list[list[int]]:
    (found,) = TrainedModel.of(evaluator).recommend(np.arange(len(evaluator.users)), k)
    return [[item for item in row if item >= 0] for row in found.items.tolist()]


@given(case=scored(NUMBERS), data=st.data())
def test_a_target_is_in_the_list_whenever_the_evaluation_counts_it(case: Scored, data: st.DataObject) -> None:
    target = data.draw(st.integers(0, case.n_items - 1))
    assume(not all(target in train for train in case.train))
    evaluator = case.evaluator(target, metrics=["ER"])
    metrics = evaluator.evaluate()
    for k in (1, 2, 4):
        counted = [target in one for one, train in zip(lists(evaluator, k), case.train, strict=True) if target not in train]
        assert metrics.get(f"ER@{k}") == sum(counted) / len(counted)
        assert evaluator.exposures[f"ER@{k}"] == [metrics.get(f"ER@{k}")]


@given(case=scored())
def test_a_list_is_in_order(case: Scored) -> None:
    """By score, then the target last, then by number; what is not a number, or -inf, is never recommended."""
    assume(not all(2 in train for train in case.train))
    for k in (1, 3, case.n_items):
        for own, scores, train in zip(lists(case.evaluator(2), k), case.scores, case.train, strict=True):
            there = [item for item in range(case.n_items) if item not in train and scores[item] > -np.inf]
            assert own == sorted(there, key=lambda item: (-scores[item], item == 2, item))[:k]


def test_users_are_scored_in_the_blocks_of_the_evaluation() -> None:
    """As many at once, those included who only fill a block up: a product's last digits depend on its size."""
    asked: list[list[int]] = []
    case = Scored([[1.0, 2.0, 3.0]] * 37, [[0]] * 37, [[1]] * 37)
    evaluator = case.evaluator(k=[1], selection="ER@1", protocol="uni1")
    score_all = evaluator.model.score_all
    evaluator.model = SimpleNamespace(  # type: ignore[assignment]
        score_all=lambda users, *rest: asked.append(users[:, 0].tolist()) or score_all(users, *rest)
    )
    evaluator.evaluate()
    found: Any = list(TrainedModel.of(evaluator).recommend(np.array([36, 5]), 1))
    assert asked[0] == asked[1] and len(asked[0]) == 48
    assert found[0].users.tolist() == [5, 36] and found[0].items.tolist() == [[2], [2]]
