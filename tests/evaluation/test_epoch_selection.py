"""What a run reports of all its evaluations."""

import pytest

from fedrec.evaluation.epoch_selection import exposure_of, select
from fedrec.interfaces import Evaluation

RULES = {"best", "near_best", "validation", "peak", "final", "exposed"}


def evaluations(metrics: dict[int, tuple[float, float]]) -> list[Evaluation]:
    """Epoch -> HR@10 and ER@10; an epoch has four rounds."""
    return [Evaluation(4 * epoch, epoch, {"HR@10": hits, "ER@10": exposure}) for epoch, (hits, exposure) in metrics.items()]


def test_selection_rules() -> None:
    """`best` goes by the test item and `validation` by the validation item; the earliest epoch wins a tie."""
    metrics = [(0.1, 0.5), (0.4, 0.2), (0.4, 0.5)]
    held = [Evaluation(4 * n, n, {"HR@10": test, "validation_HR@10": held}) for n, (test, held) in enumerate(metrics, 1)]
    chosen = select(held, "HR@10", 0.01)
    assert {rule: chosen[rule]["epoch"] for rule in ("best", "validation", "final")} == {"best": 2, "validation": 1, "final": 3}
    assert chosen["best"] == {"round": 8, "epoch": 2, "HR@10": 0.4, "validation_HR@10": 0.2}


def test_nothing_was_evaluated() -> None:
    assert select([], "HR@10", 0.01) == dict.fromkeys(RULES)


def test_near_best_is_the_mean_within_five_epochs_of_the_best() -> None:
    """Epochs 5 and 15 are within five epochs of 10, epochs 4 and 16 are not."""
    found = select(evaluations({4: (0.1, 1), 5: (0.2, 0.5), 10: (0.4, 0), 15: (0.3, 0.1), 16: (0.1, 1)}), "HR@10", 0.01)
    assert found["best"]["ER@10"] == 0
    assert found["near_best"] == pytest.approx({"epoch": 10, "evaluations": 3, "HR@10": 0.3, "ER@10": 0.2})


@pytest.mark.parametrize(
    ("every", "last", "epochs"), [(1, 20, range(15, 21)), (2, 20, (16, 18, 20)), (5, 20, (15, 20)), (6, 20, (18, 20)), (15, 30, (30,))]
)
def test_near_best_averages_what_was_evaluated(every: int, last: int, epochs: list[int]) -> None:
    """The best epoch is the last one, or the one before with an evaluation every sixth epoch. No epoch is there twice."""
    evaluated = sorted({*range(every, last + 1, every), last})
    best = 18 if every == 6 else last
    found = select(evaluations({epoch: (epoch == best, epoch / 100) for epoch in evaluated}), "HR@10", 0.01)["near_best"]
    assert (found["epoch"], found["evaluations"]) == (best, len(epochs))
    assert found["ER@10"] == pytest.approx(sum(epochs) / len(epochs) / 100)


def test_near_best_is_near_the_earliest_of_equals() -> None:
    assert select(evaluations({1: (0.5, 0.25), 20: (0.5, 1)}), "HR@10", 0.01)["near_best"]["ER@10"] == 0.25


def test_near_best_averages_a_metric_over_the_evaluations_that_have_it() -> None:
    """Malicious clients have mined nothing in the first epochs."""
    metrics: list[dict[str, float]] = [{"HR@10": 0.5}, {"HR@10": 0.25, "attack_mined_popular": 0.5}]
    found = select([Evaluation(n, n, one) for n, one in enumerate(metrics, 1)], "HR@10", 0.01)["near_best"]
    assert found == {"epoch": 1, "evaluations": 2, "HR@10": 0.375, "attack_mined_popular": 0.5}


def test_peak_is_the_earliest_epoch_with_the_highest_exposure() -> None:
    found = select(evaluations({1: (0.1, 0.2), 2: (0.2, 0.9), 3: (0.3, 0.9), 4: (0.4, 0)}), "HR@10", 0.01)
    assert found["peak"] == {"round": 8, "epoch": 2, "HR@10": 0.2, "ER@10": 0.9}


def test_the_k_of_the_selection_is_that_of_peak_and_exposed() -> None:
    metrics = [{"full_HR@5": 0.1, "ER@5": 0.0, "ER@10": 0.9}, {"full_HR@5": 0.2, "ER@5": 0.5, "ER@10": 0.6}]
    found = select([Evaluation(n, n, one) for n, one in enumerate(metrics, 1)], "full_HR@5", 0.01)
    assert found["peak"]["epoch"] == 2 and found["exposed"] == 0.5
    assert exposure_of("full_HR@5") == "ER@5"


@pytest.mark.parametrize(("above", "share"), [(0, 0.75), (0.01, 0.5), (0.02, 0.25), (0.5, 0)])
def test_exposed_is_the_share_of_evaluations_above_a_threshold(above: float, share: float) -> None:
    """Exactly the threshold is not above it."""
    found = select(evaluations({epoch: (0.5, er) for epoch, er in enumerate((0, 0.01, 0.02, 0.5), 1)}), "HR@10", above)
    assert found["exposed"] == share


def test_without_er_there_is_neither_peak_nor_exposed() -> None:
    found = select([Evaluation(4, 1, {"HR@10": 0.5})], "HR@10", 0.01)
    assert found["peak"] is None and found["exposed"] is None
    assert found["near_best"] == {"epoch": 1, "evaluations": 1, "HR@10": 0.5}
