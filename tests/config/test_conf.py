"""The files of conf/: every choice is valid, and models, variants and experiments set what they should."""

import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf

from fedrec.config.build import build, check
from fedrec.config.compose import FOLDER, compose

composed = cache(compose)

GROUPS = ("dataset", "model", "system", "attack", "defense", "evaluation", "tracking", "experiment", "variant")
CHOICES = [f"{group}={path.stem}" for group in GROUPS for path in sorted((FOLDER / group).glob("*.yaml"))]
EXPERIMENTS = [f"experiment={path.parent.name}/{path.stem}" for path in sorted((FOLDER / "experiment").glob("*/*.yaml"))]
PARTS = {path.stem: path.parent.name for group in ("attack", "defense") for path in (FOLDER / group).glob("*.yaml")}
PARTS |= {"system": "system", "evaluation": "evaluation", "ncf": "model"}
OWN_ATTACK = """
defaults:
  - _self_
  - optional /by_model/mine@_here_: ../${model}/mine
  - optional /variant/mine@_here_: ../${variant}/mine
a: 0
b: 0
"""


def objects(node: Any) -> Iterator[DictConfig]:
    if OmegaConf.is_dict(node):
        if "_target_" in node:
            yield node
        for key in node:
            yield from objects(node[key])


@pytest.mark.parametrize("choice", [*CHOICES, *(pytest.param(choice, marks=pytest.mark.slow) for choice in EXPERIMENTS)])
def test_every_choice_is_valid_and_shows_every_option(choice: str) -> None:
    config = compose(choice, *(["dataset.root=."] if choice == "dataset=presplit" else []))
    check(config)
    for node in objects(config):
        assert set(inspect.signature(get_object(node["_target_"])).parameters) == set(node) - {"_target_"}


@pytest.mark.parametrize(
    "path", sorted([*FOLDER.glob("variant/*/*.yaml"), *FOLDER.glob("by_model/*/*.yaml")]), ids=lambda path: str(path.relative_to(FOLDER))
)
def test_every_file_of_a_variant_or_a_model_takes_effect(path: Path) -> None:
    """It bears the name of an attack, a defense or a model, or `system` or `evaluation`, perhaps with a model or a data set behind it."""
    part = max((name for name in PARTS if f"{path.stem}_".startswith(f"{name}_")), key=len)
    group, rest = PARTS[part], path.stem[len(part) + 1 :]
    choices = [f"{'variant' if path.parts[-3] == 'variant' else 'model'}={path.parent.name}"]
    choices += [f"{group}={part}"] if group not in ("system", "evaluation") else []
    choices += [f"{'dataset' if (FOLDER / f'dataset/{rest}.yaml').is_file() else 'model'}={rest}"] if rest else []
    expected, found = (OmegaConf.to_container(node, resolve=False) for node in (OmegaConf.load(path), composed(*choices)[group]))
    assert isinstance(expected, dict)
    assert isinstance(found, dict)
    assert expected.items() <= found.items()


def test_own_files_for_a_model_and_a_variant(tmp_path: Path) -> None:
    files = {"attack/mine": OWN_ATTACK, "by_model/ncf/mine": "a: 1", "variant/own": "", "variant/own/mine": "b: 2"}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"{name}.yaml").write_text(text)
    assert compose("attack=mine", "model=ncf", "variant=own", f"hydra.searchpath=[{tmp_path.as_uri()}]").attack == {"a": 1, "b": 2}


def test_what_the_paper_sets_for_one_combination() -> None:
    assert composed().system.clients_per_round == 256
    assert composed("dataset=amazon_music").system.clients_per_round == 1024
    assert composed("dataset=amazon_music", "system.clients_per_round=7").system.clients_per_round == 7
    assert composed("system=ncf").system.learning_rate == 0.005


@pytest.mark.parametrize("defense", ["ours", "[ours]", "[ours,none]"])
def test_a_model_brings_the_settings_of_the_paper_for_its_system_attack_and_defense(defense: str) -> None:
    """DL-FRS, supplement A.2, and nothing of it with MF-FRS."""
    ncf, mf = (composed(f"model={name}", "attack=pieck_uea", f"defense={defense}") for name in ("ncf", "mf"))
    check(ncf)
    assert [(config.system.learning_rate, config.system.epochs, config.model.dim) for config in (ncf, mf)] == [
        (0.005, 60, 8),
        (1.0, 300, 32),
    ]
    assert list(ncf.model.layers) == [8, 8]
    assert [(config.attack.N, config.attack.batches, config.attack.rounds) for config in (ncf, mf)] == [(10, 1, 1), (50, 5, 3)]
    assert [(config.defense.N, config.defense.beta, config.defense.gamma) for config in (ncf, mf)] == [(10, 45.0, 45.0), (10, 1.0, 1.0)]
    assert build(ncf.defense).client.beta == build(ncf.defense).client.gamma == 45.0
    assert [(config.defense.reduction, config.defense.mining_times) for config in (ncf, mf)] == [("sum", 2), ("mean", 2)]


def test_options_of_the_user_win_over_those_that_a_model_brings() -> None:
    own = {"system.learning_rate": 0.1, "system.epochs": 7, "attack.N": 4, "defense.beta": 2.0, "model.dim": 5}
    config = composed("model=ncf", "attack=pieck_uea", "defense=[ours]", *(f"{name}={value}" for name, value in own.items()))
    assert {name: OmegaConf.select(config, name) for name in own} == own
    assert config.defense.client.ours.beta == 2.0
    assert config.defense.gamma == 45.0
    assert composed("model=ncf", "system=mf").system.epochs == 300


@pytest.mark.parametrize(
    ("model", "experiment", "expected"),
    [
        ("mf", "paper_text", (50, 1, 1, False)),
        ("mf", "released_code", (150, 5, 3, False)),
        ("ncf", "paper_text", (10, 1, 1, False)),
        ("ncf", "released_code", (10, 1, 1, True)),
    ],
)
def test_overlays_know_both_models(model: str, experiment: str, expected: tuple[int, int, int, bool]) -> None:
    config = composed(f"model={model}", f"experiment={experiment}", "attack=pieck_uea", "defense=ours")
    check(config)
    assert tuple(config.attack[name] for name in ("N", "batches", "rounds", "poison_scorer")) == expected
    assert (config.system.learning_rate, config.defense.beta) == ((0.005, 45.0) if model == "ncf" else (1.0, 1.0))
    won = composed(f"model={model}", f"experiment={experiment}", "attack=pieck_uea", "attack.N=3", "attack.batches=2")
    assert (won.attack.N, won.attack.batches) == (3, 2)


@pytest.mark.parametrize(("experiment", "guard"), [("paper_text", None), ("released_code", 0.95)])
def test_overlays_of_ipe_under_dl_frs(experiment: str, guard: float | None) -> None:
    assert composed("model=ncf", f"experiment={experiment}", "attack=pieck_ipe").attack.vanishing_guard == guard


@pytest.mark.parametrize(("share", "lambda_"), [(0.05, 0.9), (0.1, 0.2)])
def test_lambda_follows_the_share_of_malicious_users_under_dl_frs(share: float, lambda_: float) -> None:
    assert composed("model=ncf", "attack=pieck_ipe", f"system.malicious_share={share}").attack.lambda_ == lambda_


@pytest.mark.parametrize(("share", "lambda_"), [(0.05, 0.9), (0.1, 0.5)])
def test_lambda_follows_the_share_of_malicious_users(share: float, lambda_: float) -> None:
    assert composed("attack=pieck_ipe", f"system.malicious_share={share}").attack.lambda_ == lambda_


@pytest.mark.parametrize("experiment", ["paper_text", "released_code"])
@pytest.mark.parametrize("model", ["mf", "ncf"])
@pytest.mark.parametrize("choices", [(), ("attack=pipa", "defense=[none,ours]")])
def test_overlays_leave_other_choices_alone(experiment: str, model: str, choices: tuple[str, ...]) -> None:
    check(composed(f"experiment={experiment}", f"model={model}", *choices))


PAPER_AND_CODE = {  # switch -> its values with paper_text and with released_code: MF-FRS, then DL-FRS
    "system.sampling": (("uniform", "epoch"),) * 2,
    "system.negatives": (("distinct", "repeated"),) * 2,
    "attack.starts": (("mined", "first"),) * 2,
    "attack.mining_times": ((2, 1),) * 2,
    "attack.N": ((50, 150), (10, 10)),
    "attack.batches": ((1, 5), (1, 1)),
    "attack.rounds": ((1, 3), (1, 1)),
    "attack.repetitions": (("outer", "inner"), ("outer", "outer")),
    "attack.poison_scorer": ((False, False), (False, True)),
    "defense.starts": (("mined", "first"),) * 2,
    "defense.mining_times": ((2, 1),) * 2,
    "defense.weighting": (("exp", "square"), ("exp", "exp")),
    "defense.divergence": (("item_from_user", "user_from_item"),) * 2,
    "defense.reduction": (("sum", "mean"),) * 2,
    "model.output_bias": ((None, None), (False, True)),
    "evaluation.redraw_candidates": ((False, True),) * 2,
    "evaluation.exposed_users": (("untrained", "untrained"), ("untrained", "unmet")),
}
OF_IPE = {
    "attack.starts": (("mined", "first"),) * 2,
    "attack.ranks": (("subset", "all"),) * 2,
    "attack.single_sign": (("multiply", "multiply"), ("multiply", "divide")),
    "attack.vanishing_guard": ((None, None), (None, 0.95)),
    "defense.scorer_share": (("senders", "clients"),) * 2,
}


@pytest.mark.parametrize(("number", "model"), list(enumerate(("mf", "ncf"))))
@pytest.mark.parametrize(
    ("choices", "switches"), [(("attack=pieck_uea", "defense=ours"), PAPER_AND_CODE), (("attack=pieck_ipe", "defense=krum"), OF_IPE)]
)
def test_overlays_set_every_switch_one_way(choices: tuple[str, ...], switches: dict[str, Any], number: int, model: str) -> None:
    sides = [composed(f"experiment={name}", f"model={model}", *choices) for name in ("paper_text", "released_code")]
    found = {name: tuple(OmegaConf.select(config, name) for config in sides) for name in switches}
    assert found == {name: values[number] for name, values in switches.items()}


@pytest.mark.parametrize("rule", ["trimmed_mean", "krum", "multi_krum", "bulyan"])
def test_overlays_set_what_f_is_a_share_of(rule: str) -> None:
    sides = [composed(f"experiment={name}", f"defense={rule}").defense.scorer_share for name in ("paper_text", "released_code")]
    assert sides == ["senders", "clients"]


def test_options_of_the_user_win_over_an_overlay() -> None:
    config = composed(
        "experiment=released_code", "attack=pieck_uea", "defense=ours", "attack.N=7", "defense.weighting=exp", "system.sampling=uniform"
    )
    assert (config.attack.N, config.attack.batches) == (7, 5)
    assert config.defense.client.ours.weighting == "exp"
    assert config.system.sampling == "uniform"
