"""A run that goes on from a checkpoint is the run that nobody disturbed, bit for bit: every attack, every defense, every model."""

from pathlib import Path
from typing import Any

import pytest

from fedrec.config.compose import FOLDER
from tests.checkpoints.tiny_runs import EXPLAINED, ROUNDS, killed, reported, trained


def names(group: str) -> list[str]:
    return sorted(path.stem for path in (FOLDER / group).glob("*.yaml"))


SMALL = {
    "pieck_ipe": "N=5",
    "pieck_uea": "N=5 batches=1",
    "fedreca": "kappa=6",
    "bandwagon": "kappa=12",
    "popular": "kappa=12",
    "random": "kappa=12",
    "poison_frs": "start_round=2 N=2 kappa=12 max_lambda=50",
    "psmu": "profile_size=5",
    "cluster_attack": "kappa=12 most_clusters=10 patience=2",
    "fed_attack": "kappa=12 hardest=3",
    "frec_attack2": "kappa=12 virtual_users=4 patience=1",
}
ATTACKS = [[f"attack={name}", *(f"attack.{option}" for option in SMALL.get(name, "").split())] for name in names("attack")]
DEFENSES = [[f"defense={name}", "attack=pieck_uea", "attack.N=5", "attack.batches=1"] for name in names("defense")]
KNOWING = [
    ["attack=pipa", "attack.prior=popularity"],
    ["attack=fedreca", "attack.prior=interactions", "attack.kappa=6"],
    ["attack=fedreca", "attack.synthetic_users=4", "attack.kappa=6"],
    ["attack=bandwagon", "attack.prior=popularity", "attack.kappa=12"],
    ["attack=pieck_uea", "attack.adaptive=true", "attack.decorrelate=true", "attack.N=5", "attack.batches=1", "model=ncf"],
    ["attack=spattack", "attack.prior=uploads", "attack.kappa=5"],
]
RUNS = [
    ["system.sampling=uniform", "evaluation.redraw_candidates=true", "evaluation.every=3", "checkpoint.every=1"],
    ["dataset.validation=true", "system.client_learning_rate=[0.1,1.0]", "evaluation.max_users=20"],
    ["defense=[ours,norm_bound,krum]", "defense.N=3", "attack=pieck_ipe", "attack.N=5"],
]


def check_going_on(folder: Path, *options: str) -> None:
    overrides = [*EXPLAINED, *options]
    if "defense=ours" in options:
        overrides.append("defense.N=3")
    whole, told = trained(folder / "whole", *overrides)
    before = killed(folder / "killed", *overrides)
    resumed, after = trained(folder / "killed", *overrides)
    assert set(before.rounds) | set(after.rounds) == set(told.rounds)
    assert min(after.rounds) > ROUNDS  # else it has started anew
    assert repr({**before.rounds, **after.rounds}) == repr(told.rounds)  # losses may be nan in a round without benign clients
    assert repr(after.evaluations) == repr(told.evaluations)
    assert repr(reported(resumed)) == repr(reported(whole))
    assert resumed.system.users.equal(whole.system.users)
    assert resumed.system.global_model.items.equal(whole.system.global_model.items)
    for name, value in whole.system.global_model.scorer.items():
        assert resumed.system.global_model.scorer[name].equal(value)


def with_models(parts: list[list[str]], first: str) -> list[Any]:
    """Every part under every model; the default tests have every eighth part under the first model, and the slow tests the others."""
    few = [[f"model={first}", *options] for options in parts[::8]]
    cases = [[f"model={model}", *options] for options in parts for model in names("model")]
    return [pytest.param(options, marks=[pytest.mark.slow] * (options not in few), id=" ".join(options)) for options in cases]


@pytest.mark.parametrize("options", with_models([*ATTACKS, *KNOWING], "ncf") + with_models(DEFENSES, "mf"))
def test_every_attack_and_every_defense(tmp_path: Path, options: list[str]) -> None:
    check_going_on(tmp_path, *options)


@pytest.mark.parametrize("options", RUNS, ids=" ".join)
def test_what_a_run_draws_and_measures(tmp_path: Path, options: list[str]) -> None:
    check_going_on(tmp_path, *options)
