"""The command line of a launch, its folder, and the app that it writes; no Flower is needed."""

import os
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from fedrec.config.compose import initialized
from fedrec.config.validation import ConfigError
from fedrec.flower import launch_arguments
from fedrec.flower.__main__ import HELP, main
from fedrec.flower.app_folder import APP, write_app, write_connection
from fedrec.flower.launch_arguments import DEFAULTS, Launch, asked_for

ROOT = Path(__file__).parents[2]
GIVEN = ("dataset=synthetic", "attack=pieck_uea", "defense=ours")


@pytest.fixture
def has_flower(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch_arguments, "find_spec", lambda name: object())


def asked(*arguments: str) -> Launch:
    with initialized():
        return asked_for(arguments)


@pytest.mark.usefixtures("has_flower")
def test_what_is_asked() -> None:
    launch = asked(*GIVEN, "nodes=2", "round_timeout=1.5", "tls=true", "folder=here")
    assert launch == Launch([*GIVEN], nodes=2, folder=Path("here").absolute(), round_timeout=1.5, tls=True)
    launch = asked(*GIVEN)
    assert (launch.nodes, launch.round_timeout, launch.tls) == (DEFAULTS["nodes"], DEFAULTS["round_timeout"], DEFAULTS["tls"])


@pytest.mark.usefixtures("has_flower")
def test_the_same_command_finds_the_same_folder_and_another_setting_does_not() -> None:
    folder = asked(*GIVEN).folder
    assert folder.parent == Path("outputs/flower").absolute()
    assert asked(*GIVEN, "tls=true", "round_timeout=9").folder == folder
    assert asked(*GIVEN, "nodes=2").folder != folder != asked(*GIVEN, "seed=1").folder


@pytest.mark.usefixtures("has_flower")
@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ("nodes=0", "nodes=0 is not allowed: must be a whole number from 1 to 10000"),
        ("nodes=two", "nodes=two is not allowed: must be a whole number from 1 to 10000"),
        ("round_timeout=0", "round_timeout=0 is not allowed: must be a number > 0"),
        ("round_timeout=Infinity", "round_timeout=Infinity is not allowed: must be a number > 0"),
        ("tls=perhaps", "tls=perhaps is not allowed: must be true or false"),
        ("folder=", "folder= is not allowed"),
        ('folder=a"b', "no quotation mark"),
        ("defense=ours,krum", "a federation is of one value"),
        ("hydra.run.dir=x", "folder=FOLDER says where the results lie"),
        ("hydra/launcher=ray", "folder=FOLDER says where the results lie"),
        ("sweep=tune_attack", "a federation is of one setting"),
        ("--multirun", "expected KEY=VALUE"),
    ],
)
def test_bad_input_is_one_line(argument: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        asked(*GIVEN, argument)
    assert told in str(caught.value) and "\n" not in str(caught.value)


def test_without_flower_a_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(launch_arguments, "find_spec", lambda name: None)
    assert main(GIVEN) == 2
    assert capsys.readouterr().err == "error: fedrec.flower needs flwr: pip install 'fedrec[flower]'\n"


@pytest.mark.parametrize(
    ("argument", "told"),
    [("attack=pieck_ua", "attack=pieck_ua does not exist"), ("attack.M=3", "attack.M"), ("system.epochs=0", "system.epochs=0")],
)
def test_a_wrong_override_is_told_before_anything_is_started(
    argument: str, told: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([argument, "folder=out"]) == 2
    line = capsys.readouterr().err
    assert line.startswith("error: ") and told in line and line.count("\n") == 1
    assert not [*tmp_path.iterdir()]


def test_help_fits_a_terminal_and_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nodes=0", "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 50 and max(map(len, lines)) <= 80
    assert all(f"  {name}=" in HELP for name in DEFAULTS)


def test_the_page_has_a_row_for_every_option() -> None:
    page = (ROOT / "fedrec/flower/README.md").read_text(encoding="utf-8")
    assert all(f"| `{name}=" in page for name in DEFAULTS)


def test_importing_fedrec_and_asking_for_help_import_no_flower() -> None:
    code = "import sys, fedrec, fedrec.flower.launcher; assert 'flwr' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})


def test_the_app_of_the_experiments_is_the_one_that_a_launch_starts() -> None:
    assert (ROOT / "experiments/flower/pyproject.toml").read_text(encoding="utf-8") == APP


def test_the_app_is_written_with_what_the_command_line_changes(tmp_path: Path) -> None:
    overrides = ["attack=none", "dataset.path='my \"shop\"\\ü\x7f.csv'"]
    folder, changes = write_app(Launch(overrides, nodes=3, folder=tmp_path, round_timeout=2.0, tls=False))
    config = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["flwr"]["app"]["config"]
    changed = tomllib.loads(changes.read_text(encoding="utf-8"))
    assert changed.keys() == config.keys()
    assert shlex.split(changed.pop("overrides")) == overrides
    assert changed == {"folder": str(tmp_path), "round-timeout": 2.0, "nodes": 3}


def test_flower_is_told_where_the_superlink_is(tmp_path: Path) -> None:
    write_connection(tmp_path, "127.0.0.1:9", tmp_path / "ca.pem")
    told = tomllib.loads((tmp_path / "config.toml").read_text(encoding="utf-8"))["superlink"]
    assert told[told["default"]] == {"address": "127.0.0.1:9", "root-certificates": str(tmp_path / "ca.pem")}
