"""Names of runs that are composed as a user would, with the files that the user chose."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from fedrec.config import run_name as naming
from fedrec.config.compose import compose
from fedrec.config.run_name import run_name

VALUES: dict[str, list[Any]] = {  # option -> overrides, the default among them
    "attack": ["none", "pieck_uea", "pieck_ipe"],
    "defense": ["none", "ours", "krum", "[ours,krum]"],
    "model": ["mf", "ncf"],
    "dataset": ["ml100k", "ml1m"],
    "variant": ["null", "paper_text", "released_code"],
    "experiment": ["null", "paper_targets", "released_code"],
    "seed": [0, 1, 10],
    "system.epochs": [2, 20, 200],
    "system.malicious_share": [0.05, 0.1, 0.2],
    "system.malicious_clients": ["null", 1, 12],
    "system.client_learning_rate": ["null", 1, "[1,2]"],
    "evaluation.k": ["[5,10,20]", "[5,10]", "[10]"],
    "evaluation.selection": ["HR@10", "HR@5"],
    "dataset.root": [
        "null",
        "'null'",
        "'5'",
        "data",
        "'data · seed 1'",
        "/a/very/long/folder/of/data/one",
        "/a/very/long/folder/of/data/two",
    ],
    "model.dim": [16, 32],
    "++model.note": ["true", 1, 1.0, "[true]", "[1]"],
}
WITHOUT_EFFECT = ("tracking", "device", "threads", "hydra", "sweep")


def plain(*overrides: str) -> dict[str, Any]:
    """What a run knows of its options."""
    config: Any = OmegaConf.to_container(compose(*overrides), resolve=True)
    return {name: node for name, node in config.items() if name != "hydra"}


def relevant(config: dict[str, Any]) -> str:
    """The options as text, in which 1.0 is 1. The place of a published data set plays no part."""
    counted = {name: node for name, node in config.items() if name not in WITHOUT_EFFECT}
    counted["dataset"] = {name: value for name, value in config["dataset"].items() if name not in ("root", "cache")}
    return repr(counted).replace("1.0", "1")


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        ((), "no attack · no defense · seed 0"),
        (("attack=pieck_uea", "attack.N=10", "defense=norm_bound", "seed=1"), "pieck_uea · norm_bound · N=10 · seed 1"),
        (("attack=pieck_uea", "defense=ours", "defense.N=20"), "pieck_uea · ours · defense.N=20 · seed 0"),  # both have an N
        (("attack=pieck_uea", "defense=[ours,krum]", "model=ncf", "dataset=ml1m"), "pieck_uea · ours+krum · ncf · ml1m · seed 0"),
        (
            ("attack=pieck_ipe", "system.malicious_share=0.2"),
            "pieck_ipe · no defense · malicious_share=0.2 · seed 0",
        ),  # lambda_ follows from it
        (("attack=popular", "system.malicious_clients=12"), "popular · no defense · malicious_clients=12 · seed 0"),
        (("evaluation.k=[5,10]", "seed=3"), "no attack · no defense · k=[5,10] · seed 3"),
        (("threads=2", "device=cpu", "tracking=none"), "no attack · no defense · seed 0"),
        (("seed=0", "model=mf", "evaluation.every=1"), "no attack · no defense · seed 0"),
        (("~system.initial",), "no attack · no defense · ~system.initial · seed 0"),
        (("dataset=table", "dataset.path=my.csv"), "no attack · no defense · table · path=my.csv · seed 0"),
    ],
)
def test_a_name_says_what_differs_from_the_defaults(overrides: tuple[str, ...], name: str) -> None:
    assert run_name(plain(*overrides)) == name


def test_what_an_experiment_and_a_variant_bring_is_in_their_names() -> None:
    choices = {"attack": "pieck_uea", "defense": "none", "model": "mf", "dataset": "ml100k", "variant": "paper_text"}
    config = plain("attack=pieck_uea", "variant=paper_text")
    assert run_name(config | {"choices": choices}) == "pieck_uea · no defense · variant=paper_text · seed 0"
    known = plain("experiment=paper/table3", "seed=4") | {"choices": {"experiment": "paper/table3"}}
    assert run_name(known) == "no attack · no defense · experiment=paper/table3 · seed 4"


def test_many_options_end_in_a_digest() -> None:
    many = [f"++attack.option_{number}={number}" for number in range(40)]
    first, second = (run_name(plain(*many, f"++attack.last={last}")) for last in (1, 2))
    assert first != second
    assert len(first) < 120 and first.endswith(" · seed 0")


def test_files_of_ones_own_are_told_apart_by_what_they_say() -> None:
    """The file is called the same in both, and says something else."""
    names = {run_name(plain(f"++attack.strength={value}") | {"choices": {"attack": "mine"}}) for value in (1, 2)}
    assert len(names) == 2
    assert all(name.startswith("mine · no defense · #") for name in names)


def test_a_name_never_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(naming, "_composed", lambda *chosen: 1 / 0)
    one, other = (run_name(plain("attack=pieck_uea", f"attack.N={n}")) for n in (10, 20))
    assert one != other
    assert one.startswith("pieck_uea · no defense · #")
    assert run_name({"attack": {"_target_": 3}}).endswith("seed None")


def test_the_files_of_a_choice_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    naming._composed.cache_clear()
    for n in range(5):
        run_name(plain("attack=pieck_uea", f"attack.N={n + 1}"))
    assert naming._composed.cache_info().misses == 1


@given(
    st.lists(st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in VALUES.items()}), min_size=2, max_size=2)
)
def test_equal_names_mean_equal_options(runs: list[dict[str, Any]]) -> None:
    first, second = (
        plain(*(f"{name}={value}" for name, value in run.items() if name not in ("variant", "experiment") or value != "null"))
        for run in runs
    )
    choices = ({name: run[name] for name in ("variant", "experiment") if run.get(name, "null") != "null"} for run in runs)
    one, other = (config | {"choices": chosen} for config, chosen in zip((first, second), choices, strict=True))
    assert (run_name(one) == run_name(other)) <= (relevant(first) == relevant(second))


@given(st.sampled_from(sorted(VALUES.keys() - {"variant", "experiment"})), st.data())
def test_one_other_value_is_another_name(option: str, data: st.DataObject) -> None:
    """What two random runs rarely show: that they differ in little."""
    pair = data.draw(st.lists(st.sampled_from(VALUES[option]), min_size=2, max_size=2, unique_by=repr))
    one, other = (plain(*(f"{name}={value}" for name, value in ({"attack": "pieck_uea"} | {option: value}).items())) for value in pair)
    assert (run_name(one) == run_name(other)) == (relevant(one) == relevant(other))


def test_names_are_short_enough_for_mlflow(tmp_path: Path) -> None:
    assert len(run_name(plain("dataset=table", f"dataset.path={tmp_path}/{'x' * 300}"))) < 250
