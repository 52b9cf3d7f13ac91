"""Which evaluations a run reports."""

from fedrec.evaluation.epoch_selection import select
from fedrec.interfaces import Evaluation


def test_selection_rules():
    """`best` goes by the test item and `validation` by the validation item; the earliest epoch wins a tie."""
    metrics = [(0.1, 0.5), (0.4, 0.2), (0.4, 0.5)]
    evaluations = [Evaluation(4 * n, n, {"HR@10": test, "validation_HR@10": held}) for n, (test, held) in enumerate(metrics, 1)]
    chosen = select(evaluations, "HR@10")
    assert {rule: values["epoch"] for rule, values in chosen.items()} == {"best": 2, "validation": 1, "final": 3}
    assert select([], "HR@10") == {"best": None, "final": None, "validation": None}
