"""What a sweep reports at its end."""

from pathlib import Path

import pytest
from optuna.trial import TrialState

from tests.sweeps.sweeps import of_state, results, summary, trials


def test_the_comparisons_are_on_the_test_item_with_fresh_seeds(tuned: Path) -> None:
    output, found = (tuned / "output").read_text(), results(tuned)
    best = min(of_state(trials(tuned), TrialState.COMPLETE), key=lambda trial: float(trial.value or 0))
    assert found["best_params"] == best.params and found["best_value"] == best.value
    assert list(found["comparisons"]) == ["no defense", "as given", f"trial {best.number}"]
    for label, row in found["comparisons"].items():
        runs = [summary(tuned, f"{label.replace(' ', '_')}/seed_{seed}") for seed in (2, 3)]
        assert row["ER"] == pytest.approx(sum(run["validation"]["ER@10"] for run in runs) / 2)
        assert row["HR"] == pytest.approx(sum(run["validation"]["HR@10"] for run in runs) / 2)
        assert row["seeds"] == 2 and label in output
        assert f"{100 * row['HR']:.2f} ± " in output
        assert [run["config"]["seed"] for run in runs] == [2, 3]
    tuned_defense = summary(tuned, f"trial_{best.number}/seed_2")["config"]["defense"]
    assert {f"defense.{name}": tuned_defense[name] for name in ("N", "beta", "gamma")} == best.params
