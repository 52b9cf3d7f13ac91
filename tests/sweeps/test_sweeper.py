"""Whole sweeps: trials, resuming, and what Optuna's own tools find."""

import json
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from tests.sweeps.conftest import DEFENSE
from tests.sweeps.sweeps import (
    DATA,
    GATED,
    ONE,
    SHORT,
    address,
    assert_complete,
    build_gate,
    counted,
    finish,
    of_state,
    open_gate,
    program,
    results,
    start,
    summary,
    sweep,
    trials,
)


def test_the_study_has_all_trials_and_some_are_pruned(tuned: Path) -> None:
    found = trials(tuned)
    assert len(found) == len(counted(found)) == 6
    assert of_state(found, TrialState.PRUNED) and of_state(found, TrialState.COMPLETE)
    assert found[0].params == {"defense.N": 10, "defense.beta": 1.0, "defense.gamma": 1.0}  # as given: the paper's
    assert all(1 <= trial.params["defense.N"] < 20 and 0.01 <= trial.params["defense.beta"] <= 100 for trial in found)


def test_every_evaluation_was_reported(tuned: Path) -> None:
    for trial in trials(tuned):
        values = trial.intermediate_values
        assert list(values) == list(range(1, len(values) + 1))
        if trial.state == TrialState.COMPLETE:
            assert len(values) == 6 and trial.value == pytest.approx((values[3] + values[6]) / 2)  # two seeds of three evaluations
        else:
            assert len(values) < 6


def test_a_pruned_run_stopped_and_says_so(tuned: Path) -> None:
    for trial in of_state(trials(tuned), TrialState.PRUNED):
        n_full, n_last = divmod(len(trial.intermediate_values), 3)
        last = summary(tuned, f"trial_{trial.number:04d}/seed_{n_full if n_last else n_full - 1}")
        assert last["status"] == "PRUNED" and last["final"]["epoch"] == 5 * (n_last or 3)
        (line,) = [line for line in (tuned / "output").read_text().splitlines() if line.startswith(f"trial {trial.number} (")]
        assert f"pruned at report {len(trial.intermediate_values)}" in line


def test_the_references_have_no_defense(tuned: Path) -> None:
    for name in ("reference/seed_0", "no_defense/seed_2"):
        config = summary(tuned, name)["config"]
        assert config["choices"]["defense"] == "none" and config["choices"]["attack"] == "pieck_uea" and config["dataset"]["validation"]


def test_a_trial_sees_what_an_ordinary_run_would(tuned: Path, tmp_path: Path) -> None:
    """Watching a run changes nothing."""
    options = ("attack=pieck_uea", "attack.N=10", "defense=ours", "system.epochs=15", "evaluation.every=5", "dataset.validation=true")
    assert program(tmp_path, *DATA, *options, "tracking=none").status == 0
    (path,) = tmp_path.glob("outputs/*/*/summary.json")
    watched, ordinary = summary(tuned, "trial_0000/seed_0"), json.loads(path.read_text())
    assert all(watched[name] == ordinary[name] for name in ("best", "final", "validation"))


def test_optuna_can_read_the_study(tuned: Path) -> None:
    """Other tools, the dashboard for instance, read it without fedrec."""
    study = optuna.load_study(study_name="tuned", storage=address(tuned))
    assert study.best_trial.number == min(of_state(study.trials, TrialState.COMPLETE), key=lambda trial: float(trial.value or 0)).number


def test_the_same_command_again_runs_nothing_and_more_trials_are_more(continued: Path) -> None:
    before = trials(continued)
    assert sweep(continued, *DEFENSE, "tracking=none", "hydra.sweeper.n_trials=6").status == 0
    assert trials(continued) == before
    assert sweep(continued, *DEFENSE, "tracking=none", "hydra.sweeper.n_trials=7").status == 0
    assert trials(continued)[:6] == before and len(trials(continued)) == 7
    assert sum(results(continued)["trials"].values()) == 7


def test_a_study_of_other_options_is_left_alone(continued: Path) -> None:
    before = trials(continued)
    ended = sweep(continued, *DEFENSE, "tracking=none", "system.learning_rate=0.5", "hydra.sweeper.n_trials=20")
    assert ended.status == 2
    assert "the study tuned was made with system.learning_rate=1.0, now it is 0.5" in ended.errors
    assert trials(continued) == before


def test_an_interrupted_sweep_goes_on_where_it_stopped(tmp_path: Path) -> None:
    command = (*GATED, ONE, "tracking=none", "hydra.sweeper.n_trials=3")
    build_gate(tmp_path, 1)
    (tmp_path / "interrupt").touch()
    ended = sweep(tmp_path, *command)
    assert ended.status == 130 and "the same command continues the study tuned" in ended.output
    before = trials(tmp_path)
    assert [trial.state for trial in before] == [TrialState.COMPLETE, TrialState.FAIL]
    open_gate(tmp_path)
    assert sweep(tmp_path, *command).status == 0
    assert_complete(trials(tmp_path), 3)
    assert trials(tmp_path)[0] == before[0]
    assert results(tmp_path)["trials"] == {"complete": 3}


def test_trials_that_all_fail_end_the_sweep_with_their_reason(tmp_path: Path) -> None:
    ended = sweep(tmp_path, *DATA, ONE, "tracking=none", "sweep=attack", "attack=pieck_uea", "attack.N=range(81,90)")
    assert ended.status == 2
    assert "the first 3 trials failed, the last one with: attack.N = " in ended.errors
    found = trials(tmp_path)
    assert [trial.state for trial in found] == [TrialState.FAIL] * 3 and all("attack.N" in trial.user_attrs["error"] for trial in found)


@pytest.mark.slow
def test_the_real_program_with_two_workers(tmp_path: Path) -> None:
    options = ("sweep=attack", "attack=pieck_uea", "attack.N=range(5,9)", "tracking=none", "hydra.sweeper.n_trials=4")
    output = finish(start(tmp_path, *SHORT, *options), tmp_path)
    assert_complete(trials(tmp_path), 4)
    assert "study tuned: " in output and results(tmp_path)["comparisons"]
