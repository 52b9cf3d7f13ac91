"""What stands behind a `_target_` is imported and looked at; nothing but a class of the right kind is ever called."""

import sys
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from fedrec.attacks.none import NoAttack
from fedrec.config.build import check
from fedrec.config.compose import FOLDER, compose
from fedrec.config.kinds import KINDS, locate
from fedrec.config.validation import ConfigError

MODULE = """
import pathlib

def record(*arguments, **options):
    pathlib.Path(__file__).with_name("called").touch()

class Recorder:
    __init__ = record

class Loader(Recorder):
    def load(self, generator): ...
"""


@pytest.fixture
def called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that exists once something in the module `own_code` was called."""
    (tmp_path / "own_code.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_code", raising=False)
    return tmp_path / "called"


@pytest.mark.parametrize("place", KINDS)
@pytest.mark.parametrize("name", ["record", "Recorder", "pathlib"])
def test_anything_of_another_kind_is_refused_and_not_called(called: Path, place: str, name: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{place}._target_=own_code.{name} is not allowed: {place} takes a class of the kind \S+$"):
        locate(place, f"own_code.{name}")
    assert not called.exists()


@pytest.mark.parametrize("key", ["attack", "dataset", "system", "evaluation", "tracking", "defense.client.ours", "defense.transforms.nnm"])
def test_a_configuration_that_names_code_is_refused_before_anything_is_built(called: Path, key: str) -> None:
    config = compose("tracking=mlflow", "defense=[ours,nnm]")
    OmegaConf.update(config, f"{key}._target_", "own_code.record")
    with pytest.raises(ConfigError, match=rf"^{key}._target_=own_code.record is not allowed: "):
        check(config)
    assert not called.exists()


@pytest.mark.parametrize(("key", "inside"), [("attack.targets", ""), ("tracking.tags", "note."), ("evaluation.k", "")])
def test_the_value_of_an_option_names_no_class(called: Path, key: str, inside: str) -> None:
    config = compose("tracking=mlflow")
    value: Any = {"_target_": "own_code.record"}
    OmegaConf.update(config, key, {"note": value} if inside else [value] if key == "evaluation.k" else value, merge=False, force_add=True)
    with pytest.raises(ConfigError, match=rf"^{key} is not allowed to hold `_target_`"):
        check(config)
    assert not called.exists()


def test_a_protocol_asks_for_its_methods(called: Path) -> None:
    assert locate("dataset", "own_code.Loader").__name__ == "Loader"
    assert not called.exists()
    with pytest.raises(ConfigError, match="this one only describes them"):
        locate("dataset", "fedrec.interfaces.Dataset")


def test_a_class_that_is_not_finished_says_what_it_lacks() -> None:
    with pytest.raises(ConfigError, match=r"takes a class of the kind fedrec.interfaces.Attack; this one lacks poison$"):
        locate("attack", "fedrec.interfaces.Attack")
    assert locate("attack", "fedrec.attacks.none.NoAttack") is NoAttack


@pytest.mark.parametrize(
    "target", [None, 3, "", "Attack", ["a.B"], "no.such.Module", "fedrec.attacks.none.Nothing", "..x", ".", "own_exit.A"]
)
def test_what_names_no_class_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: Any) -> None:
    (tmp_path / "own_exit.py").write_text("raise SystemExit('no luck')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=r"^attack._target_=.* (is not allowed|cannot be imported): .+$"):
        locate("attack", target)


def test_every_place_where_the_files_name_a_class_has_a_kind() -> None:
    groups = {path.relative_to(FOLDER).parts[0] for path in FOLDER.rglob("*.yaml") if "_target_" in path.read_text()}
    assert groups - {"hydra", "experiment", "variant"} == {place.partition(".")[0] for place in KINDS} - {"hydra"}


@pytest.mark.parametrize("group", ["dataset", "model", "system", "attack", "evaluation"])
def test_a_run_needs_every_part(group: str) -> None:
    for problem, message in (("missing", f"{group} is missing: {group}=NAME chooses one"), ("empty", f"{group} names no class")):
        config = compose("dataset=synthetic")
        OmegaConf.set_struct(config, False)
        if problem == "missing":
            del config[group]
        else:
            config[group] = {}
        with pytest.raises(ConfigError, match=f"^{message}"):
            check(config)
