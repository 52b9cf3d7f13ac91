"""What a sweep sees of a run."""

import pytest

from fedrec.interfaces import Evaluation, Pruned
from fedrec.tracking.pruning import Metrics, Pruning


def evaluations() -> list[Evaluation]:
    """The validation item says epoch 2, the test item epoch 3."""
    rows = [(0.9, 0.2, 0.1), (0.5, 0.6, 0.2), (0.1, 0.6, 0.9), (0.3, 0.5, 0.4)]
    return [Evaluation(n, n, {"ER@10": er, "validation_HR@10": valid, "HR@10": test}) for n, (er, valid, test) in enumerate(rows, 1)]


def test_the_validation_item_chooses_and_the_earliest_of_equals() -> None:
    seen: list[float] = []

    def hopeless(chosen: Metrics) -> bool:
        seen.append(chosen["ER@10"])
        return False

    callback = Pruning("HR@10", hopeless)
    for evaluation in evaluations():
        callback.on_evaluation(evaluation)
    assert seen == [0.9, 0.5, 0.5, 0.5] and callback.chosen["ER@10"] == 0.5 and not callback.pruned


def test_a_hopeless_run_is_pruned() -> None:
    callback = Pruning("HR@10", lambda chosen: chosen["ER@10"] < 0.6)
    first, second, *_ = evaluations()
    callback.on_evaluation(first)
    assert not callback.pruned
    with pytest.raises(Pruned):
        callback.on_evaluation(second)
    assert callback.pruned
