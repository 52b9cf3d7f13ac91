"""The command line of an audit: what it asks for, what its runs have in common, and its defaults."""

import json

import hydra
import pytest

from fedrec.audit import HELP
from fedrec.auditing.audit_arguments import AUDIT_DEFAULTS, QUICK_DEFAULTS, QUIET, Asked, asked_for
from fedrec.auditing.audit_source import source_of
from fedrec.config.compose import initialized
from fedrec.config.validation import ConfigError

DATA = "dataset=synthetic"


def asked(*arguments: str, is_quick: bool = False) -> Asked:
    with initialized():
        return asked_for(arguments, is_quick)


def test_what_is_asked_and_what_runs_have_in_common() -> None:
    given = ("levels=0.1,0.3", "seeds=2", "attacks=ipm,ipm,pieck_uea", "defenses=none,[norm_bound,flame]", "workers=1", "launcher=ray")
    found = asked(DATA, "system.epochs=3", *given, "hydra.launcher.ray.init.num_cpus=2", "tracking=mlflow", "tracking.uri=sqlite:///x.db")
    assert found.overrides == [DATA, "system.epochs=3"]
    assert found.passed == [QUIET, "hydra.launcher.ray.init.num_cpus=2", "tracking.uri=sqlite:///x.db"]
    options = found.options
    assert (options.attacks, options.defenses, options.levels) == (["ipm", "pieck_uea"], ["[norm_bound,flame]"], [0.1, 0.3])
    assert (options.seeds, options.budget, options.workers, options.launcher, options.quick) == (2, 600, 1, "ray", False)


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10min", 600), ("1h30min", 5400), ("1h1s", 3601), ("none", None)])
def test_a_budget_is_a_time(text: str, seconds: int | None) -> None:
    assert asked(DATA, f"budget={text}").options.budget == seconds


def test_a_first_look_asks_for_less_but_for_what_is_given() -> None:
    options = asked(DATA, is_quick=True).options
    assert options.quick and {name: getattr(options, name) for name in QUICK_DEFAULTS} == {**QUICK_DEFAULTS}
    assert asked(DATA, "seeds=4", "budget=5min", is_quick=True).options.seeds == 4


@pytest.mark.parametrize(
    ("arguments", "folder"),
    [
        (["dataset=ml100k"], "multirun/audit/ml100k-mf"),
        ([DATA, "model=ncf"], "multirun/audit/synthetic-ncf"),
        (["dataset=table", "dataset.path='my shop/purchases (1).csv'"], "multirun/audit/purchases_1_-mf"),
        (["dataset=presplit", "dataset.root=splits/gowalla"], "multirun/audit/gowalla-mf"),
        ([DATA, "folder=multirun/audit"], "multirun/audit"),
    ],
)
def test_each_data_set_and_model_has_a_folder(arguments: list[str], folder: str) -> None:
    assert asked(*arguments).options.folder == folder


def test_a_data_frame_has_a_folder_of_its_own() -> None:
    with initialized():
        assert asked_for(["dataset=table"], data_name="data_frame").options.folder == "multirun/audit/data_frame-mf"


def test_defenses_of_ones_own(tmp_path) -> None:
    (tmp_path / "defense").mkdir()
    (tmp_path / "defense/mine.yaml").write_text("defaults: [ours, _self_]\nbeta: 2.0\n")
    found = asked(DATA, "defenses=mine,[mine,median]", "--config-dir", str(tmp_path))
    assert found.options.defenses == ["mine", "[mine,median]"]
    assert found.passed == [QUIET, f"hydra.searchpath=[{tmp_path.as_uri()}]"]
    with pytest.raises(ConfigError, match="there is no defense mine; choose from"):
        asked(DATA, "defenses=mine")


def test_an_own_defense_that_does_not_work_is_refused_at_once(tmp_path) -> None:
    (tmp_path / "defense").mkdir()
    (tmp_path / "defense/broken.yaml").write_text("defaults: [ours, _self_]\nbeta: much\n")
    with pytest.raises(ConfigError, match="beta"):
        asked(DATA, "defenses=broken", "--config-dir", str(tmp_path))


@pytest.mark.parametrize(
    ("before", "now", "is_other"),
    [
        ("dataset.path=a/purchases.csv", "dataset.path=b/purchases.csv", True),
        ("dataset.path=a/purchases.csv", "dataset.path=./a/purchases.csv", False),
    ],
)
def test_the_page_of_other_data_stays(before: str, now: str, is_other: bool, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with initialized():
        config = hydra.compose("config", ["dataset=table", before], return_hydra_config=True)
    folder = tmp_path / asked("dataset=table", before).options.folder
    folder.mkdir(parents=True)
    (folder / "audit.json").write_text(json.dumps({"facts": {"source": source_of(config, folder)}}))
    if is_other:
        with pytest.raises(ConfigError, match=r"holds the audit of other data \(table .*a/purchases.csv, not .*; folder=FOLDER chooses"):
            asked("dataset=table", now)
        assert asked("dataset=table", now, "folder=elsewhere").options.folder == "elsewhere"
    else:
        assert (tmp_path / asked("dataset=table", now).options.folder) == folder


def test_help_names_every_option_and_every_default() -> None:
    assert all(f"  {name}=" in HELP for name in AUDIT_DEFAULTS if name != "quick")
    assert all(name in HELP for group in ("attacks", "defenses") for name in AUDIT_DEFAULTS[group])
