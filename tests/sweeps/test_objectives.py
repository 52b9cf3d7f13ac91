"""What sweeps tune for: how a trial is judged, with every kind of sampler, pruner and search space."""

from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from tests.sweeps.sweeps import ONE, SHORT, build_noise, counted, of_state, results, summary, sweep, trials, without_attack

SHORTEST = (*SHORT, ONE, "tracking=none")


def test_a_trial_is_judged_by_the_validation_item(tuned: Path) -> None:
    """ER + HR lost against no defense, both at the epoch with the best HR on the validation item, mean over the seeds."""
    would_differ = False
    for trial in of_state(trials(tuned), TrialState.COMPLETE):
        runs = [summary(tuned, f"trial_{trial.number:04d}/seed_{seed}")["validation"] for seed in (0, 1)]
        references = [summary(tuned, f"reference/seed_{seed}")["validation"] for seed in (0, 1)]
        pairs = list(zip(runs, references, strict=True))
        lost = [max(0, without["validation_HR@10"] - run["validation_HR@10"]) for run, without in pairs]
        assert trial.value == pytest.approx(sum(run["ER@10"] + loss for run, loss in zip(runs, lost, strict=True)) / 2)
        would_differ |= lost != [max(0, without["HR@10"] - run["HR@10"]) for run, without in pairs]  # on the test item
        assert trial.user_attrs["ER"] == pytest.approx((runs[0]["ER@10"] + runs[1]["ER@10"]) / 2)
        assert trial.user_attrs["ER_stderr"] == pytest.approx(abs(runs[0]["ER@10"] - runs[1]["ER@10"]) / 2)  # of two values
    assert would_differ


OBJECTIVES = ["near_best", *(pytest.param(name, marks=pytest.mark.slow) for name in ("peak", "exposed", "final"))]


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_an_attack_is_tuned_for_what_the_objective_names(tmp_path: Path, objective: str) -> None:
    """All six epochs are within five epochs of each other, so that no held-out item matters for what is near."""
    options = ("sweep=attack", "attack=pieck_uea", "attack.N=range(2,30)", "system.epochs=6", "evaluation.every=1")
    ended = sweep(tmp_path, *SHORTEST, *options, f"sweep.objective={objective}", "evaluation.exposed_above=0.1", "hydra.sweeper.n_trials=3")
    assert ended.status == 0, ended.errors
    for trial in of_state(trials(tmp_path), TrialState.COMPLETE):
        assert trial.value == pytest.approx(exposure(summary(tmp_path, f"trial_{trial.number:04d}/seed_0"), objective))
        assert list(trial.intermediate_values) == [1, 2, 3, 4, 5, 6] and trial.intermediate_values[6] == trial.value
    assert results(tmp_path)["trials"] == {"complete": 3}
    assert results(tmp_path)["best_value"] == max(float(trial.value or 0) for trial in trials(tmp_path))
    row = results(tmp_path)["comparisons"]["as given"]
    assert row["ER"] == pytest.approx(exposure(summary(tmp_path, "as_given/seed_1"), objective))
    assert ("exposed" if objective == "exposed" else f"{objective} ER@10") in ended.output


def exposure(run: dict[str, Any], objective: str) -> float:
    """What counts of a run, by its summary."""
    return float(run["exposed"] if objective == "exposed" else run[objective]["ER@10"])


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_hopeless_trial_is_pruned_whatever_the_objective(tmp_path: Path, objective: str) -> None:
    """The second trial, whose attacker has no clients, ends at its first evaluation."""
    options = ("sweep=attack", "attack=pieck_uea", "attack.N=10", "system.malicious_share=0.3,0.0", "evaluation.exposed_above=0.5")
    grid = ("hydra/sweeper/sampler=grid", "hydra.sweeper.sampler.seed=1")  # the strong attack comes first
    pruner = ("hydra.sweeper.pruner.n_startup_trials=1", "hydra.sweeper.pruner.n_warmup_steps=0")
    ended = sweep(tmp_path, *SHORTEST, "evaluation.every=1", *options, f"sweep.objective={objective}", *grid, *pruner)
    assert ended.status == 0, ended.errors
    strong, hopeless = trials(tmp_path)
    assert (strong.state, strong.params) == (TrialState.COMPLETE, {"system.malicious_share": 0.3})
    assert (hopeless.state, len(hopeless.intermediate_values)) == (TrialState.PRUNED, 1)


@pytest.mark.parametrize(
    ("arguments", "n_trials"),
    [
        (["sweep=attack", "attack=pieck_ipe", "attack.N=10", "attack.lambda_=0.1,0.5,0.9", "hydra/sweeper/sampler=grid"], 3),
        (["hydra/sweeper=fedrec_optuna", "attack=pieck_uea,a_hum", "system.learning_rate=interval(0.5,1)"], 3),
        pytest.param(
            ["sweep=attack", "attack=pieck_uea", "attack.N=range(2,30)", "hydra/sweeper/pruner=hyperband", "hydra/sweeper/sampler=cmaes"],
            *(4,),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            ["sweep=defense", "attack.N=10", "defense.N=range(1,30)", "hydra/sweeper/pruner=wilcoxon", "hydra/sweeper/sampler=random"],
            *(4,),
            marks=pytest.mark.slow,
        ),
        pytest.param(["sweep=defense", "defense=[ours,median]", "attack=a_hum", "defense.N=5"], 2, marks=pytest.mark.slow),
        pytest.param(
            ["hydra/sweeper=fedrec_optuna", "attack=pieck_uea", "attack.N=2,10,20", "hydra.sweeper.direction=maximize"],
            *(4,),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_samplers_pruners_and_spaces(tmp_path: Path, arguments: list[str], n_trials: int) -> None:
    is_grid, maximises = "grid" in str(arguments), "sweep=attack" in arguments or "maximize" in str(arguments)
    short = SHORTEST if arguments[0].startswith("sweep=") else [text for text in SHORTEST if not text.startswith("sweep.")]
    ended = sweep(tmp_path, *short, *arguments, f"hydra.sweeper.n_trials={10 if is_grid else n_trials}")
    assert ended.status == 0, ended.errors
    found = trials(tmp_path)
    assert len(found) == len(counted(found)) == n_trials
    if is_grid:
        assert sorted(trial.params["attack.lambda_"] for trial in found) == [0.1, 0.5, 0.9]
    values = [trial.values[0] for trial in of_state(found, TrialState.COMPLETE)]
    assert results(tmp_path)["best_value"] == (max(values) if maximises else min(values))


def test_the_front_of_two_objectives(tmp_path: Path) -> None:
    options = ("sweep=defense_pareto", "attack.N=10", "defense.N=range(1,20)", "hydra/sweeper/sampler=nsgaii", "hydra.sweeper.n_trials=5")
    ended = sweep(tmp_path, *SHORTEST, *options)
    assert ended.status == 0, ended.errors
    found = trials(tmp_path)
    points = [tuple(trial.values) for trial in found]
    front = [trial.number for trial in found if not any(dominates(other, tuple(trial.values)) for other in points)]
    assert all(f"trial {number}: " in ended.output for number in front)
    assert [solution["values"] for solution in results(tmp_path)["solutions"]] == [found[number].values for number in front]
    assert {f"trial {number}" for number in front} | {"no defense", "as given"} == set(results(tmp_path)["comparisons"])


def dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """ER lower, HR higher."""
    return one[0] <= other[0] and one[1] >= other[1] and one != other


@pytest.mark.parametrize("options", [("sweep=attack", "attack.N=range(2,5)"), ("hydra/sweeper=fedrec_optuna", "attack.N=range(2,5)")])
def test_an_objective_that_is_undefined_ends_the_trial_in_one_line(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Everybody has trained on the target, so there is no ER@K to tune by."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "train.txt").write_text("".join(f"{user} 0 {user + 3} {user + 2} {user + 1}\n" for user in range(30)))
    (tmp_path / "own" / "test.txt").write_text("".join(f"{user} {(user + 9) % 30 + 1}\n" for user in range(30)))
    data = ("dataset=presplit", f"dataset.root={tmp_path}/own", "attack.targets=[0]", "dataset.validation=true", "system.epochs=2")
    seeds = ("sweep.seeds=1", "sweep.fresh_seeds=1") if "sweep=attack" in options else ()
    ended = sweep(
        tmp_path, *data, *seeds, ONE, "tracking=none", "attack=pieck_uea", "attack.batches=1", "hydra.sweeper.n_trials=3", *options
    )
    assert ended.status == 2
    assert "ER@" in ended.errors.splitlines()[-1] and "undefined" in ended.errors.splitlines()[-1]
    assert len(of_state(trials(tmp_path), TrialState.FAIL)) == 3 and "Traceback" not in ended.output + ended.errors


def test_an_attack_without_targets_is_tuned_for_what_it_destroys(tmp_path: Path) -> None:
    """On the validation item, against the same run without it, which all trials and seeds share where they can."""
    options = (*build_noise(tmp_path), "sweep=attack", "attack=noise", "attack.strength=interval(0.5,3)", "sweep.seeds=2")
    ended = sweep(tmp_path, *SHORTEST, *options, "hydra/sweeper/pruner=none", "hydra.sweeper.n_trials=2")
    assert ended.status == 0, ended.errors
    for trial in trials(tmp_path):
        runs = [summary(tmp_path, f"trial_{trial.number:04d}/seed_{seed}") for seed in (0, 1)]
        pairs = [(run["validation"]["validation_HR@10"], without_attack(run)["validation"]["validation_HR@10"]) for run in runs]
        lost = [1 - under / clean for under, clean in pairs]
        assert trial.value == pytest.approx(sum(lost) / 2) and trial.user_attrs["degradation"] == trial.value
        assert "ER" not in trial.user_attrs
    assert len(list((tmp_path / "references").iterdir())) == 3  # of two seeds of the trials and a fresh one
    fresh = summary(tmp_path, "as_given/seed_2")
    on_test = 1 - fresh["validation"]["HR@10"] / without_attack(fresh)["validation"]["HR@10"]
    assert results(tmp_path)["comparisons"]["as given"]["degradation"] == pytest.approx(on_test)
    assert "degradation" in ended.output and "ER@10" not in ended.output


def test_a_defense_is_charged_with_what_it_costs_without_the_attack(tmp_path: Path) -> None:
    """Under an attack without target items. What the attack destroys counts once, and not below nothing."""
    options = (*build_noise(tmp_path), "sweep=defense", "attack=noise", "attack.strength=0.2", "defense.N=range(1,20)")
    ended = sweep(tmp_path, *SHORTEST, *options, "hydra/sweeper/pruner=none", "hydra.sweeper.n_trials=2", "sweep.hr_weight=2")
    assert ended.status == 0, ended.errors
    undefended = without_attack(summary(tmp_path, "reference/seed_0"))
    assert undefended["config"]["choices"]["defense"] == "none"
    for trial in trials(tmp_path):
        run = summary(tmp_path, f"trial_{trial.number:04d}/seed_0")
        clean = without_attack(run)["validation"]["validation_HR@10"]
        harm = max(0, 1 - run["validation"]["validation_HR@10"] / clean)
        assert trial.value == pytest.approx(harm + 2 * max(0, undefended["validation"]["validation_HR@10"] - clean))


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("sweep.objective=peak", "sweep.objective=peak is a rule for ER@K, and the attack has no target item: allowed are validation, "),
        ("reference=null", "reference=null is not allowed: the attack has no target item, so it is compared with the run without it"),
    ],
)
@pytest.mark.parametrize(
    "attack", [("attack=noise", "attack.strength=interval(1,2)"), ("attack=choice(a_ra,noise)",)], ids=["one", "both kinds"]
)
def test_what_an_attack_without_targets_cannot_be_tuned_by(tmp_path: Path, attack: tuple[str, ...], option: str, told: str) -> None:
    """Nor can several attacks, of which it is one: this is said before the first run."""
    ended = sweep(tmp_path, *SHORTEST, *build_noise(tmp_path), "sweep=attack", *attack, option)
    assert (ended.status, len(ended.errors.splitlines())) == (2, 1) and told in ended.errors
