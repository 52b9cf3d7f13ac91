"""Running a recorded run again: `--config-path RUN/.hydra --config-name config`."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.program import TINY, Ended, fedrec

Program = Callable[..., Ended]
OWN = (
    "name",
    "config",
    "dataset",
    "target_items",
    "best",
    "near_best",
    "peak",
    "final",
    "exposed",
    "rounds",
    "evaluations",
)  # not its time
ATTACK = ("attack=pieck_ipe", "attack.N=10", "defense=ours", "defense.N=5", "seed=3", "system.malicious_share=0.2")


def recorded(program: Program, folder: Path, *options: str) -> Path:
    ended = program(*TINY, *ATTACK, *options)
    assert ended.returncode == 0, ended.stderr
    (summary,) = folder.glob("outputs/*/*/summary.json")
    return summary.parent


def told(folder: Path) -> dict[str, Any]:
    summary = json.loads((folder / "summary.json").read_text())
    return {name: summary[name] for name in OWN}


def later(folder: Path, earlier: Path) -> Path:
    (found,) = [path.parent for path in folder.glob("outputs/*/*/summary.json") if path.parent != earlier]
    return found


def test_the_same_options_name_and_numbers_come_out(program: Program, tmp_path: Path) -> None:
    first = recorded(program, tmp_path)
    folder = (first / ".hydra").relative_to(tmp_path)
    ended = program("--config-path", str(folder), "--config-name", "config")
    assert ended.returncode == 0, ended.stderr
    assert "Warning" not in ended.stderr
    again = later(tmp_path, first)
    assert told(again) == told(first)
    assert (again / ".hydra" / "config.yaml").read_bytes() == (first / ".hydra" / "config.yaml").read_bytes()
    assert again.parent.parent == tmp_path / "outputs"


def test_options_may_be_changed(program: Program, tmp_path: Path) -> None:
    first = recorded(program, tmp_path)
    folder = ("--config-path", str(first / ".hydra"), "--config-name", "config")
    assert program(*folder, "seed=4").returncode == 0
    name = told(later(tmp_path, first))["name"]
    assert name == told(first)["name"].replace("seed 3", "seed 4")
    assert program(*folder, "--cfg", "job").stdout.strip() == (first / ".hydra" / "config.yaml").read_text().strip()
    assert program("-m", *folder, "seed=5,6").returncode == 0
    assert {told(path.parent)["config"]["seed"] for path in tmp_path.glob("multirun/*/*/*/summary.json")} == {5, 6}


def test_what_cannot_be_run_again_says_so(program: Program, tmp_path: Path) -> None:
    ended = program("--config-path", "nowhere", "--config-name", "config")
    assert (ended.returncode, ended.stderr) == (2, "error: --config-path nowhere: there is no such folder\n")
    first = recorded(program, tmp_path)
    (first / ".hydra" / "config.yaml").write_text("attack: [\n")
    ended = program("--config-path", str(first / ".hydra"), "--config-name", "config")
    assert ended.returncode == 2 and ended.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_run_of_a_multirun_from_another_folder_with_the_real_program(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    options = (*TINY, *ATTACK, "tracking=mlflow")
    assert fedrec(tmp_path / "here", *options, "-m", "model=mf,ncf").returncode == 0
    (first,) = [path.parent for path in tmp_path.glob("here/multirun/*/*/1/summary.json")]
    shutil.copytree(first, tmp_path / "copy")
    ended = fedrec(tmp_path / "there", "--config-path", "../copy/.hydra", "--config-name", "config")
    assert ended.returncode == 0, ended.stderr
    (again,) = [path.parent for path in tmp_path.glob("there/outputs/*/*/summary.json")]
    assert told(again) == told(first)
    assert (tmp_path / "there" / "mlflow.db").exists()
    assert "FEDREC_PARENT_RUN" not in (again / ".hydra" / "hydra.yaml").read_text()
    assert yaml.safe_load((again / ".hydra" / "overrides.yaml").read_text()) == ["+hydra=fedrec"]
