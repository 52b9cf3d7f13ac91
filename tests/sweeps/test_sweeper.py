"""Whole sweeps by the real program: what is tuned, how honestly, and what Optuna, MLflow and the user are left with."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hydra
import optuna
import pandas as pd
import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient
from optuna.trial import FrozenTrial, TrialState

from fedrec.config.compose import FOLDER
from tests.cli.program import fedrec
from tests.sweeps.sweeps import DATA, NAME, SMALL, counted, finish, of_state, results, start, trials

ONE = "hydra.sweeper.n_jobs=1"
DEFENSE = (*SMALL, ONE, "sweep=defense", "hydra.sweeper.pruner.n_startup_trials=2", "hydra.sweeper.pruner.n_warmup_steps=0")
PICTURES = {"history.png", "importance.png", "slice.png", "contour.png"}


def summary(folder: Path, name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / "multirun/tuned" / name / "summary.json").read_text())
    return loaded


def mean(values: Sequence[float]) -> Any:
    return pytest.approx(sum(values) / len(values))


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Folder and output of a sweep of eight trials with MLflow."""
    folder = tmp_path_factory.mktemp("tuned")
    return folder, finish(start(folder, *DEFENSE, "hydra.sweeper.n_trials=8"), folder)


def test_the_study_has_all_trials_and_some_are_pruned(tuned: tuple[Path, str]) -> None:
    found = trials(tuned[0])
    assert len(found) == len(counted(found)) == 8
    assert of_state(found, TrialState.PRUNED) and of_state(found, TrialState.COMPLETE)
    assert found[0].params == {"defense.N": 10, "defense.beta": 1.0, "defense.gamma": 1.0}  # as given: the paper's
    assert all(1 <= trial.params["defense.N"] < 20 and 0.01 <= trial.params["defense.beta"] <= 100 for trial in found)


def test_a_trial_is_judged_by_the_validation_item(tuned: tuple[Path, str]) -> None:
    """ER + HR lost against no defense, both at the epoch with the best HR on the validation item, mean over the seeds."""
    folder, _ = tuned
    would_differ = False
    for trial in of_state(trials(folder), TrialState.COMPLETE):
        runs = [summary(folder, f"trial_{trial.number:04d}/seed_{seed}")["validation"] for seed in (0, 1)]
        references = [summary(folder, f"reference/seed_{seed}")["validation"] for seed in (0, 1)]
        pairs = list(zip(runs, references, strict=True))
        lost = [max(0, without["validation_HR@10"] - run["validation_HR@10"]) for run, without in pairs]
        assert trial.value == mean([run["ER@10"] + loss for run, loss in zip(runs, lost, strict=True)])
        would_differ |= lost != [max(0, without["HR@10"] - run["HR@10"]) for run, without in pairs]  # on the test item
        assert trial.user_attrs["ER"] == mean([run["ER@10"] for run in runs])
        difference = runs[0]["ER@10"] - runs[1]["ER@10"]
        assert trial.user_attrs["ER_stderr"] == pytest.approx(abs(difference) / 2)  # of two values
    assert would_differ


def test_every_evaluation_was_reported(tuned: tuple[Path, str]) -> None:
    for trial in trials(tuned[0]):
        values = trial.intermediate_values
        assert list(values) == list(range(1, len(values) + 1))
        if trial.state == TrialState.COMPLETE:
            assert len(values) == 6 and trial.value == mean([values[3], values[6]])  # two seeds of three evaluations
        else:
            assert len(values) < 6


def test_a_pruned_run_stopped_and_says_so(tuned: tuple[Path, str]) -> None:
    folder, output = tuned
    for trial in of_state(trials(folder), TrialState.PRUNED):
        n_full, n_last = divmod(len(trial.intermediate_values), 3)
        last = summary(folder, f"trial_{trial.number:04d}/seed_{n_full if n_last else n_full - 1}")
        assert last["status"] == "PRUNED" and last["final"]["epoch"] == 5 * (n_last or 3)
        assert f"trial {trial.number} " in output and "pruned after" in output


def test_the_references_have_no_defense(tuned: tuple[Path, str]) -> None:
    folder, _ = tuned
    for name in ("reference/seed_0", "no_defense/seed_2"):
        config = summary(folder, name)["config"]
        assert config["choices"]["defense"] == "none" and config["choices"]["attack"] == "pieck_uea" and config["dataset"]["validation"]


def test_the_comparisons_are_on_the_test_item_with_fresh_seeds(tuned: tuple[Path, str]) -> None:
    folder, output = tuned
    best = min(of_state(trials(folder), TrialState.COMPLETE), key=lambda trial: float(trial.value or 0))
    found = results(folder)
    assert found["best_params"] == best.params and found["best_value"] == best.value
    assert list(found["comparisons"]) == ["no defense", "as given", f"trial {best.number}"]
    for label, row in found["comparisons"].items():
        runs = [summary(folder, f"{label.replace(' ', '_')}/seed_{seed}") for seed in (2, 3)]
        assert row["ER"] == mean([run["validation"]["ER@10"] for run in runs])
        assert row["HR"] == mean([run["validation"]["HR@10"] for run in runs])
        assert row["seeds"] == 2 and label in output
        assert f"{100 * row['HR']:.2f} ± " in output
        assert [run["config"]["seed"] for run in runs] == [2, 3]
    tuned_defense = summary(folder, f"trial_{best.number}/seed_2")["config"]["defense"]
    assert {f"defense.{name}": tuned_defense[name] for name in ("N", "beta", "gamma")} == best.params


def test_mlflow_has_a_run_for_the_sweep_each_trial_and_each_seed(tuned: tuple[Path, str]) -> None:
    folder, _ = tuned
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    (experiment,) = client.search_experiments(filter_string="name = 'fedrec'")
    runs = client.search_runs([experiment.experiment_id], max_results=1000)
    by_parent: dict[str | None, list[Run]] = {}
    for run in runs:
        by_parent.setdefault(run.data.tags.get("mlflow.parentRunId"), []).append(run)
    (parent,) = by_parent[None]
    assert parent.info.run_name == "tuned" and parent.info.status == "FINISHED"
    children = {run.data.tags["trial"]: run for run in by_parent[parent.info.run_id] if "trial" in run.data.tags}
    assert len(children) == 8
    for trial in trials(folder):
        child = children[str(trial.number)]
        assert child.data.tags["state"] == trial.state.name
        assert child.info.status == {"COMPLETE": "FINISHED", "PRUNED": "KILLED"}[trial.state.name]
        assert child.data.params == {name: str(value) for name, value in trial.params.items()}
        seeds = by_parent[child.info.run_id]
        assert len(seeds) == (len(trial.intermediate_values) + 2) // 3
        assert sum(run.data.tags.get("state") == "PRUNED" for run in seeds) == (trial.state == TrialState.PRUNED)
        if trial.state == TrialState.COMPLETE:
            assert child.data.metrics["objective"] == pytest.approx(trial.value)
    assert len(by_parent[parent.info.run_id]) == 8 + 2 + 3 * 2  # trials, references, comparisons
    for name, best in results(folder)["best_params"].items():
        assert parent.data.tags[f"best/{name}"] == str(best)
    for label, row in results(folder)["comparisons"].items():
        assert parent.data.metrics[f"{label}/HR"] == pytest.approx(row["HR"])
    artifacts = {file.path for file in client.list_artifacts(parent.info.run_id)}
    assert artifacts >= {*PICTURES, "trials.parquet", "optimization_results.yaml"}
    table = pd.read_parquet(client.download_artifacts(parent.info.run_id, "trials.parquet"))
    assert list(table["number"]) == list(range(8)) and set(table["state"]) == {"COMPLETE", "PRUNED"}


def test_a_trial_sees_what_an_ordinary_run_would(tuned: tuple[Path, str], tmp_path: Path) -> None:
    """Watching changes nothing."""
    ordinary = (
        "attack=pieck_uea",
        "attack.N=10",
        "defense=ours",
        *DATA,
        "system.epochs=15",
        "evaluation.every=5",
        "dataset.validation=true",
    )
    assert fedrec(tmp_path, *ordinary, "tracking=none").returncode == 0
    (path,) = tmp_path.glob("outputs/*/*/summary.json")
    watched = summary(tuned[0], "trial_0000/seed_0")
    assert {name: watched[name] for name in ("best", "final", "validation")} == {
        name: json.loads(path.read_text())[name] for name in ("best", "final", "validation")
    }


def test_the_same_command_again_runs_nothing_and_more_trials_are_more(tuned: tuple[Path, str]) -> None:
    folder, _ = tuned
    before = trials(folder)
    finish(start(folder, *DEFENSE, "hydra.sweeper.n_trials=8"), folder)
    assert trials(folder) == before
    finish(start(folder, *DEFENSE, "hydra.sweeper.n_trials=9"), folder)
    assert trials(folder)[:8] == before and len(trials(folder)) == 9
    assert results(folder)["trials"]["complete"] + results(folder)["trials"]["pruned"] == 9


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "n_trials"),
    [
        (["sweep=attack", "attack=pieck_ipe", "attack.lambda_=0.1,0.5,0.9", "hydra/sweeper/sampler=grid"], 3),
        (["sweep=attack", "attack=pieck_uea", "attack.N=range(2,30)", "hydra/sweeper/pruner=hyperband", "hydra/sweeper/sampler=cmaes"], 4),
        (["sweep=defense", "defense.N=range(1,30)", "hydra/sweeper/pruner=wilcoxon", "hydra/sweeper/sampler=random"], 4),
        (["sweep=defense", "defense=[ours,median]", "attack=a_hum", "defense.N=5"], 2),
        (["hydra/sweeper=fedrec_optuna", "attack=pieck_uea", "attack.N=2,10,20", "hydra.sweeper.direction=maximize"], 4),
        (["hydra/sweeper=fedrec_optuna", "attack=pieck_uea,a_hum", "system.learning_rate=interval(0.5,1)"], 3),
    ],
)
def test_samplers_pruners_and_spaces(tmp_path: Path, arguments: list[str], n_trials: int) -> None:
    short = (*DATA, "system.epochs=4", "evaluation.every=2", "tracking=none", ONE, "hydra.sweeper.n_trials=4")
    seeds = ("sweep.seeds=1", "sweep.fresh_seeds=1") if arguments[0].startswith("sweep=") else ()
    fixed = ("attack.N=10",) if not any(text.startswith(("attack.N", "attack=a_hum", "attack=pieck_uea,")) for text in arguments) else ()
    total = () if n_trials == 4 else (f"hydra.sweeper.n_trials={n_trials}",)
    limit = total if "grid" not in str(arguments) else ()
    finish(start(tmp_path, *short, *seeds, *fixed, *arguments, *limit), tmp_path)
    found = trials(tmp_path)
    assert len(found) == len(counted(found)) == n_trials
    if "grid" in str(arguments):
        assert sorted(trial.params["attack.lambda_"] for trial in found) == [0.1, 0.5, 0.9]
    assert (
        results(tmp_path)["best_value"]
        == sorted(
            (trial.values[0] for trial in of_state(found, TrialState.COMPLETE)),
            reverse=("sweep=defense" not in arguments and "maximize" in str(arguments)) or "sweep=attack" in arguments,
        )[0]
    )


@pytest.mark.slow
def test_the_front_of_two_objectives(tmp_path: Path) -> None:
    command = (
        *SMALL,
        ONE,
        "sweep=defense_pareto",
        "tracking=none",
        "hydra/sweeper/sampler=nsgaii",
        "hydra.sweeper.n_trials=6",
        "sweep.fresh_seeds=1",
    )
    output = finish(start(tmp_path, *command), tmp_path)
    found = trials(tmp_path)
    points = [tuple(trial.values) for trial in found]
    front = [trial.number for trial in found if not any(dominates(other, tuple(trial.values)) for other in points)]
    assert all(f"trial {number}: " in output for number in front)
    assert [solution["values"] for solution in results(tmp_path)["solutions"]] == [found[number].values for number in front]
    assert {f"trial {number}" for number in front} | {"no defense", "as given"} == set(results(tmp_path)["comparisons"])
    assert (tmp_path / "multirun/tuned/study/pareto.png").stat().st_size > 5000


def dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """ER lower, HR higher."""
    return one[0] <= other[0] and one[1] >= other[1] and one != other


@pytest.mark.slow
def test_a_defense_against_the_best_response(tmp_path: Path) -> None:
    command = (
        *(*DATA, "system.epochs=6", "evaluation.every=2", "defense.N=range(1,20)", "sweep.seeds=1", "sweep.fresh_seeds=1", ONE),
        *("sweep=minimax", "attack.N=range(1,30)", "sweep.responses=3", "hydra.sweeper.n_trials=3", "hydra/sweeper/pruner=none"),
    )
    output = finish(start(tmp_path, *command), tmp_path)
    reference = summary(tmp_path, "reference/seed_0")["validation"]["validation_HR@10"]
    found = trials(tmp_path)
    for trial in found:
        responses = trials(tmp_path, f"sqlite:///{tmp_path}/multirun/tuned/study.db", f"tuned trial {trial.number} responses")
        assert len(responses) == 3
        folders = [f"trial_{trial.number:04d}/response_{response.number}/seed_0" for response in responses]
        runs = [summary(tmp_path, folder) for folder in folders]
        assert [run["config"]["attack"]["N"] for run in runs] == [response.params["attack.N"] for response in responses]
        worst = max(runs, key=lambda run: run["validation"]["ER@10"])["validation"]
        assert trial.value == pytest.approx(worst["ER@10"] + max(0, reference - worst["validation_HR@10"]))
    best = min(found, key=lambda trial: float(trial.value or 0))
    assert set(results(tmp_path)["comparisons"]) == {"no defense", "worst case of as given", f"worst case of trial {best.number}"}
    again = summary(tmp_path, f"worst_case_of_trial_{best.number}/seed_1")["config"]
    assert [f"attack.N={again['attack']['N']}"] == best.user_attrs["response"]
    assert "worst case" in output


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["sweep=defense_pareto", "hydra/sweeper/pruner=median"], "Optuna cannot prune a study with several objectives"),
        (["sweep=defense", "dataset.validation=false"], "dataset.validation must be true"),
        (["sweep=defense", "defense.beta=interval(-1,1)"], "search space of defense.beta: defense.beta=-1.0 is not allowed"),
        (["sweep=defense", "defense.beta=intervall(0,1)"], "defense.beta=intervall(0,1)"),
        (["sweep=defense", "defense.beta=tag(log,interval(0,1))"], "search space of defense.beta=tag(log,interval(0,1))"),
        (["sweep=defense", "defense=krum"], "nothing to tune: none of defense.N, defense.beta, defense.gamma"),
        (["sweep=attack"], "nothing to tune: none of attack.N, attack.lambda_"),
        (["sweep=defense", "hydra.sweeper.direction=maximize"], "hydra.sweeper.direction=maximize"),
        (
            ["sweep=defense", "hydra.sweeper.direction=upwards"],
            "hydra.sweeper.direction=upwards is not allowed: must be minimize, maximize",
        ),
        (["sweep=defense", "hydra/sweeper/sampler=grid"], "a grid needs choice(...) or range(...)"),
        (["sweep=defense", "hydra.sweeper.sampler.sede=1"], "sede"),
        (["sweep=defense", "hydra.sweeper.n_trials=0"], "hydra.sweeper.n_trials=0 is not allowed"),
        (["sweep=defense", "hydra.sweeper.storage=mysql://me:secret@host/x"], "mysql://me:***@host/x"),
        (["sweep=defense", "hydra.sweeper.storage=nonsense"], "hydra.sweeper.storage=nonsense: not an address"),
        (["sweep=defense", "sweep.seed=1"], "sweep.seed"),
        (["sweep=defence"], "sweep=defence does not exist: choose from attack, defense, defense_pareto, minimax"),
        (["sweep=defense", "system.epochs=none"], "system.epochs=none is not allowed"),
        (["sweep=defense", "hydra.sweeper.n_jobs=two"], "hydra.sweeper.n_jobs=two is not allowed"),
        (["sweep=defense", "+hydra.sweeper.params.z=5"], "search space of z=5: one value is nothing to tune"),
        (["sweep=defense", "seed=0,1"], "search space of seed: a sweep sets it itself"),
        (["sweep=defense", "evaluation.metrics=[HR]"], "a sweep needs ER among evaluation.metrics=[HR]"),
        (["sweep=defense", "defense=[ours,krum,median]"], "krum and median are server-side rules"),
        (["sweep=minimax", "attack=random"], "nothing to tune: none of attack.N, attack.lambda_"),
        (["sweep=minimax", "++sweep.response_space={attack.N: 'interval(5'}"], "search space of attack.N=interval(5"),
        (["sweep=minimax", "attack.N=interval(-5,5)"], "search space of attack.N"),
        (["sweep=minimax", "+sweep.response_space.attack='choice(pieck_uea,a_hum)'"], "search space of attack: attack=a_hum"),
    ],
)
def test_bad_input_is_one_line_before_anything_runs(tmp_path: Path, arguments: list[str], expected: str) -> None:
    result = fedrec(tmp_path, "-m", NAME, *DATA, ONE, *arguments)
    assert result.returncode == 2, result.stderr
    assert expected in result.stderr and len(result.stderr.splitlines()) == 1
    assert not list(tmp_path.glob("multirun/*/study.db")) and not (tmp_path / "mlflow.db").exists()


def test_a_sweep_needs_the_flag(tmp_path: Path) -> None:
    result = fedrec(tmp_path, *DATA, "sweep=defense")
    assert (result.returncode, result.stderr) == (2, "error: sweep=defense runs many jobs: add -m\n")


@pytest.mark.slow
def test_a_study_of_other_options_is_left_alone(tuned: tuple[Path, str]) -> None:
    folder, _ = tuned
    before = trials(folder)
    result = fedrec(folder, "-m", NAME, *DEFENSE, "system.learning_rate=0.5", "hydra.sweeper.n_trials=20")
    assert result.returncode == 2
    assert "the study tuned was made with system.learning_rate=1.0, now it is 0.5" in result.stderr
    assert trials(folder) == before


def test_trials_that_all_fail_end_the_sweep_with_their_reason(tmp_path: Path) -> None:
    result = fedrec(tmp_path, "-m", NAME, *DATA, ONE, "tracking=none", "sweep=attack", "attack=pieck_uea", "attack.N=range(81,90)")
    assert result.returncode == 2
    assert "the first 3 trials failed, the last one with: attack.N = " in result.stderr
    found = trials(tmp_path)
    assert [trial.state for trial in found] == [TrialState.FAIL] * 3 and all("attack.N" in trial.user_attrs["error"] for trial in found)


def name_of_the_study(*overrides: str) -> str:
    with hydra.initialize_config_dir(str(FOLDER), version_base="1.3"):
        return str(hydra.compose("config", ["sweep=defense", *overrides], return_hydra_config=True).hydra.sweeper.study_name)


def test_the_name_of_a_study_follows_the_options() -> None:
    """Other options, another study; the same ones, the same; how many trials, and how many workers, plays no part."""
    name = name_of_the_study()
    assert name.startswith("defense-pieck_uea-ours-mf-ml100k-")
    assert name == name_of_the_study("hydra.sweeper.n_trials=9", "hydra.sweeper.n_jobs=7", "threads=2", "tracking=none")
    others = [("seed=1",), ("sweep.hr_weight=2",), ("hydra/sweeper/sampler=random",), ("hydra/sweeper/pruner=none",), ("defense.N=3",)]
    assert len({name, *(name_of_the_study(*overrides) for overrides in others)}) == 1 + len(others)


def best_of(found: list[FrozenTrial]) -> FrozenTrial:
    return min(of_state(found, TrialState.COMPLETE), key=lambda trial: float(trial.value or 0))


def test_optuna_can_read_the_study(tuned: tuple[Path, str]) -> None:
    """With nothing of fedrec: other tools, the dashboard for instance, do so."""
    study = optuna.load_study(study_name="tuned", storage=f"sqlite:///{tuned[0]}/multirun/tuned/study.db")
    assert study.best_trial.number == best_of(study.trials).number
