"""What a sweep sees of a run."""

from collections.abc import Sequence

import pytest

from fedrec.interfaces import Evaluation, Pruned
from fedrec.tracking.pruning import Pruning

FIRST, SECOND = (Evaluation(4 * epoch, epoch, {"ER@10": 1 / epoch}) for epoch in (1, 2))


def test_all_evaluations_are_kept_and_asked_about() -> None:
    seen: list[int] = []

    def hopeless(evaluations: Sequence[Evaluation]) -> bool:
        seen.append(len(evaluations))
        return False

    callback = Pruning(hopeless)
    callback.on_evaluation(FIRST)
    callback.on_evaluation(SECOND)
    assert seen == [1, 2] and callback.evaluations == [FIRST, SECOND] and not callback.pruned


def test_a_hopeless_run_is_pruned() -> None:
    callback = Pruning(lambda evaluations: evaluations[-1].metrics["ER@10"] < 0.6)
    callback.on_evaluation(FIRST)
    assert not callback.pruned
    with pytest.raises(Pruned):
        callback.on_evaluation(SECOND)
    assert callback.pruned
