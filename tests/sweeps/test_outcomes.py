"""By which of its evaluations a sweep judges a run."""

import pytest

from fedrec.config.validation import ConfigError
from fedrec.interfaces import Evaluation
from fedrec.sweeps.outcomes import Outcome, Rule


def evaluations() -> list[Evaluation]:
    """The validation item says epoch 2, the earliest of equals; the test item says epoch 20. Epochs 1 to 7 are near epoch 2."""
    rows = {1: (0.9, 0.2, 0.1), 2: (0.5, 0.6, 0.2), 7: (0.1, 0.6, 0.3), 8: (1.0, 0.1, 0.4), 20: (0.0, 0.5, 0.9)}
    return [
        Evaluation(4 * epoch, epoch, {"ER@10": er, "validation_HR@10": valid, "HR@10": test}) for epoch, (er, valid, test) in rows.items()
    ]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("validation", Outcome(0.5, 0.6, 0.2)),
        ("near_best", Outcome(0.5, 1.4 / 3, 0.2)),
        ("final", Outcome(0.0, 0.5, 0.9)),
        ("peak", Outcome(1.0, 0.6, 0.2)),
        ("exposed", Outcome(0.8, 0.6, 0.2)),
    ],
)
def test_the_rule_says_what_counts(rule: Rule, expected: Outcome) -> None:
    found = Outcome.of(evaluations(), "HR@10", rule, 0.05)
    assert found == Outcome(*map(pytest.approx, (expected.exposure_ratio, expected.hit_ratio, expected.test_hit_ratio)))


@pytest.mark.parametrize("rule", ["validation", "near_best", "peak", "exposed"])
def test_the_test_item_selects_nothing(rule: Rule) -> None:
    """Other hits on the test item change neither exposure nor hits on the validation item."""
    others = [Evaluation(one.round, one.epoch, {**one.metrics, "HR@10": 1 - one.metrics["HR@10"]}) for one in evaluations()]
    one, other = (Outcome.of(each, "HR@10", rule, 0.05) for each in (evaluations(), others))
    assert (one.exposure_ratio, one.hit_ratio) == (other.exposure_ratio, other.hit_ratio)


def test_a_run_is_judged_at_any_time_as_if_it_ended_then() -> None:
    """That is what the pruner is told."""
    so_far = [[Outcome.of(evaluations()[:n], "HR@10", rule, 0.5).exposure_ratio for n in range(1, 6)] for rule in ("peak", "exposed")]
    assert so_far == [[0.9, 0.9, 0.9, 1.0, 1.0], [1, 1 / 2, 1 / 3, 2 / 4, 2 / 5]]


@pytest.mark.parametrize("rule", ["validation", "near_best", "peak", "exposed", "final"])
@pytest.mark.parametrize("missing", ["ER@10", "validation_HR@10", "HR@10"])
def test_a_metric_without_a_value_is_an_error_and_no_number(rule: Rule, missing: str) -> None:
    less = [Evaluation(one.round, one.epoch, {k: v for k, v in one.metrics.items() if k != missing}) for one in evaluations()]
    with pytest.raises(ConfigError, match=f"^{missing} of this run is undefined, so there is nothing to tune by: no user "):
        Outcome.of(less, "HR@10", rule, 0.05)


def test_an_attack_without_targets_is_judged_by_what_it_destroys() -> None:
    """On the validation item, each run at its own epoch; ER@10 plays no part, and a run that ends early meets the other up to there."""
    clean = [Evaluation(one.round, one.epoch, {**one.metrics, "validation_HR@10": 0.8 if one.epoch == 7 else 0.4}) for one in evaluations()]
    found = Outcome.of(evaluations(), "HR@10", "validation", 0.05, clean)
    assert (found.exposure_ratio, found.hit_ratio, found.test_hit_ratio, found.unattacked) == (None, 0.6, 0.2, (0.8, 0.3))
    assert (found.harm, found.test_harm, found.price) == (pytest.approx(1 - 0.6 / 0.8), pytest.approx(1 - 0.2 / 0.3), 0.8)
    early = Outcome.of(evaluations()[:2], "HR@10", "validation", 0.05, clean)
    assert early.harm == pytest.approx(1 - 0.6 / 0.4) and early.unattacked == (0.4, 0.1)
    assert Outcome.of(evaluations(), "HR@10", "final", 0.05, clean).harm == pytest.approx(1 - 0.5 / 0.4)
    nothing = [Evaluation(one.round, one.epoch, dict.fromkeys(one.metrics, 0.0)) for one in clean]
    assert Outcome.of(evaluations(), "HR@10", "validation", 0.05, nothing).harm == 0


@pytest.mark.parametrize("rule", ["peak", "exposed"])
def test_rules_for_exposures_judge_no_degradation(rule: Rule) -> None:
    with pytest.raises(ConfigError, match=f"^sweep.objective={rule} is a rule for ER@K, and the attack has no target item: allowed are "):
        Outcome.of(evaluations(), "HR@10", rule, 0.05, evaluations())
