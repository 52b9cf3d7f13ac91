"""Mistakes in a sweep are found before its first trial."""

from pathlib import Path

import pytest

from tests.cli.program import fedrec
from tests.sweeps.sweeps import DATA, NAME, ONE, program, sweep

BAD_INPUT = [
    (["sweep=defense_pareto", "hydra/sweeper/pruner=median"], "Optuna cannot prune a study with several objectives"),
    (["sweep=defense", "dataset.validation=false"], "dataset.validation must be true"),
    (["sweep=defense", "defense.beta=interval(-1,1)"], "search space of defense.beta: defense.beta=-1.0 is not allowed"),
    (["sweep=defense", "defense.beta=intervall(0,1)"], "defense.beta=intervall(0,1)"),
    (["sweep=defense", "defense.beta=tag(log,interval(0,1))"], "search space of defense.beta=tag(log,interval(0,1))"),
    (["sweep=defense", "defense=krum"], "nothing to tune: none of defense.N, defense.beta, defense.gamma"),
    (["sweep=attack"], "nothing to tune: none of attack.N, attack.lambda_"),
    (["sweep=defense", "hydra.sweeper.direction=maximize"], "hydra.sweeper.direction=maximize is not allowed: this sweep must minimize"),
    (["sweep=defense", "hydra.sweeper.direction=upwards"], "hydra.sweeper.direction=upwards is not allowed: must be minimize, maximize"),
    (["sweep=defense", "hydra/sweeper/sampler=grid"], "a grid needs choice(...) or range(...)"),
    (["sweep=defense", "hydra.sweeper.sampler.sede=1"], "sede"),
    (["sweep=defense", "hydra.sweeper.n_trials=0"], "hydra.sweeper.n_trials=0 is not allowed"),
    (["sweep=defense", "hydra.sweeper.storage=mysql://me:secret@host/x"], "mysql://me:***@host/x"),
    (["sweep=defense", "hydra.sweeper.storage=nonsense"], "hydra.sweeper.storage=nonsense is not allowed"),
    (["sweep=defense", "sweep.seed=1"], "sweep.seed"),
    (["sweep=defence"], "sweep=defence does not exist: choose from attack, defense, defense_pareto, minimax"),
    (["sweep=defense", "system.epochs=none"], "system.epochs=none is not allowed"),
    (["sweep=defense", "hydra.sweeper.n_jobs=two"], "hydra.sweeper.n_jobs=two is not allowed"),
    (["sweep=defense", "+hydra.sweeper.params.z=5"], "search space of z=5: one value is nothing to tune"),
    (
        ["sweep=defense", "++hydra.sweeper.params={defense.bete: 'interval(0,1)'}"],
        "search space of defense.bete: unknown option defense.bete: ",
    ),
    (["sweep=defense", "defense=ours,kurm"], "search space of defense: defense=kurm: In 'config': Could not find 'defense/kurm'"),
    (["sweep=defense", "seed=0,1"], "search space of seed: a sweep sets it itself"),
    (["sweep=defense", "evaluation.metrics=[HR]"], "evaluation.metrics=[HR] evaluation.selection=HR@10: a sweep needs the metric ER"),
    (
        ["sweep=defense", "sweep.objective=best"],
        "sweep.objective=best is not allowed: must be validation, near_best, peak, exposed or final; best would look at the test item",
    ),
    (
        ["sweep=attack", "attack=pieck_uea", "sweep.objective=paek"],
        "exposed or final; best would look at the test item; did you mean peak?",
    ),
    (
        ["sweep=defense", "sweep.objective=near_best"],
        "sweep.objective=near_best is a mean over 11 epochs: evaluation.every must be at most 5",
    ),
    (["sweep=defense", "defense=[ours,krum,median]"], "krum and median are server-side rules"),
    (["sweep=minimax", "attack=random"], "nothing to tune: none of attack.N, attack.lambda_"),
    (["sweep=minimax", "++sweep.response_space={attack.N: 'interval(5'}"], "search space of attack.N=interval(5"),
    (["sweep=minimax", "attack.N=interval(-5,5)"], "search space of attack.N"),
    (
        ["sweep=minimax", "+sweep.response_space.attack='choice(pieck_uea,a_hum)'"],
        "search space of attack: attack=a_hum has no option attack.N",
    ),
]


@pytest.mark.parametrize(("arguments", "expected"), BAD_INPUT)
def test_bad_input_is_one_line_before_anything_runs(tmp_path: Path, arguments: list[str], expected: str) -> None:
    ended = sweep(tmp_path, *DATA, ONE, "tracking=none", *arguments)
    assert ended.status == 2
    assert expected in ended.errors and len(ended.errors.splitlines()) == 1
    assert not list(tmp_path.glob("multirun/*/study.db"))


def test_the_real_program_leaves_nothing_either(tmp_path: Path) -> None:
    arguments, expected = BAD_INPUT[2]
    result = fedrec(tmp_path, "-m", NAME, *DATA, *arguments)
    assert result.returncode == 2
    assert expected in result.stderr and len(result.stderr.splitlines()) == 1
    assert not list(tmp_path.glob("multirun/*/study.db")) and not (tmp_path / "mlflow.db").exists()


def test_a_sweep_needs_the_flag(tmp_path: Path) -> None:
    ended = program(tmp_path, *DATA, "sweep=defense", "tracking=none")
    assert (ended.status, ended.errors) == (2, "error: sweep=defense runs many jobs: add -m\n")
