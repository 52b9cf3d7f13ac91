"""The lines that say for whom a ranking is easier than it looks."""

import pytest

from tests.evaluation.scored import Scored

SCORES = [[float(item) for item in range(12)]] * 3
TRAIN = [[0], [1, 2], [3]]


def told(case: Scored, caplog: pytest.LogCaptureFixture, **options: object) -> list[str]:
    evaluator = case.evaluator(metrics=["ER", "HR", "NDCG", "full_MRR"], k=[1, 2], **options)
    for _ in range(2):
        evaluator.evaluate()
    return [record.message for record in caplog.records]


def test_test_items_that_were_trained_on_are_told_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    (message,) = told(Scored(SCORES, TRAIN, [[0], [4], []], [[5], [1], [3]]), caplog)
    assert message.startswith("1 of 2 test items and 2 of 3 validation items are training items of the same user, too; ")


def test_the_same_if_there_are_several_of_each_user(caplog: pytest.LogCaptureFixture) -> None:
    """An item that stands among a user's test items twice is one of them."""
    (message,) = told(Scored(SCORES, TRAIN, [[0, 4], [4, 4], []]), caplog)
    assert message.startswith("1 of 3 test items are training items of the same user, too; ")


def test_nothing_is_told_if_there_are_none(caplog: pytest.LogCaptureFixture) -> None:
    assert not told(Scored(SCORES, TRAIN, [[5], [4], []]), caplog)


def test_too_few_candidates_for_several_test_items(caplog: pytest.LogCaptureFixture) -> None:
    """The first user has met one item and is tested on three, so eight are left; the second has six of four for each."""
    (message,) = told(Scored(SCORES, TRAIN, [[4, 5, 6], [4], []]), caplog)
    assert message.startswith(
        "HR@K, NDCG@K: 1 of 2 users are ranked against fewer items than evaluation.candidates=4 for each test item, one of them against 8, "
    )


def test_all_items_are_never_too_few(caplog: pytest.LogCaptureFixture) -> None:
    assert not told(Scored(SCORES, TRAIN, [[4, 5, 6], [4], []]), caplog, protocol="full")
