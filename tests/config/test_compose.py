"""Files are read once, and references parsed once, for all configurations that a program composes; no configuration changes another."""

from collections.abc import Iterator
from pathlib import Path

import cloudpickle
import omegaconf.base
import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from fedrec.config import yaml_files
from fedrec.config.compose import FOLDER, Loader, initialized

CHOICES = (
    ["attack=pieck_uea", "defense=[ours,krum]"],
    ["experiment=paper/table4", "attack=a_hum", "system.epochs=3"],
    ["model=ncf", "sweep=minimax"],
)


@pytest.fixture
def loader() -> Iterator[Loader]:
    with initialized():
        found = GlobalHydra.instance().config_loader()
        assert isinstance(found, Loader)
        yield found


def loaded(loader: ConfigLoaderImpl, overrides: list[str]) -> DictConfig:
    return loader.load_configuration("config", overrides, RunMode.RUN)


def test_each_file_is_read_once(loader: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    original = yaml_files.read_yaml
    monkeypatch.setattr(yaml_files, "read_yaml", lambda path: (read.append(path), original(path))[1])
    for choices in (*CHOICES, *CHOICES):
        loaded(loader, choices)
    assert len(read) == len(set(read)) > 20


@pytest.mark.parametrize("choices", CHOICES, ids=" ".join)
def test_what_has_been_read_before_makes_no_difference(loader: Loader, choices: list[str]) -> None:
    for others in (*CHOICES, choices):
        composed = loaded(loader, others)
        OmegaConf.set_struct(composed, False)
        composed.attack, composed.hydra.job.name = None, "changed"  # whatever anybody does to an earlier one
    composed, fresh = loaded(loader, choices), loaded(ConfigLoaderImpl(loader.config_search_path), choices)
    assert OmegaConf.to_yaml(composed) == OmegaConf.to_yaml(fresh)


def test_another_search_path_has_other_files(loader: Loader, tmp_path: Path) -> None:
    (tmp_path / "attack").mkdir()
    (tmp_path / "attack" / "own.yaml").write_text(FOLDER.joinpath("attack", "none.yaml").read_text() + "# mine\n")
    loaded(loader, ["attack=none"])
    assert loaded(loader, [f"hydra.searchpath=[{tmp_path.as_uri()}]", "attack=own"]).attack == loaded(loader, ["attack=none"]).attack


def test_a_loader_that_goes_to_another_process_takes_no_content_of_files_along(loader: Loader, tmp_path: Path) -> None:
    (tmp_path / "attack").mkdir()
    (tmp_path / "attack" / "own.yaml").write_text("password: hidden\n")
    loaded(loader, [f"hydra.searchpath=[{tmp_path.as_uri()}]", "attack=own"])
    assert any(b"hidden" in content for content in loader.repository._read.values())
    assert b"hidden" not in cloudpickle.dumps(loader)
    sent = cloudpickle.loads(cloudpickle.dumps(loader))
    assert OmegaConf.to_yaml(loaded(sent, CHOICES[0])) == OmegaConf.to_yaml(loaded(loader, CHOICES[0]))


def test_a_reference_is_parsed_once(loader: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
    first = OmegaConf.create({"a": 1, "b": "${a}", "c": "${if_equal:${b},1,yes,no}"})
    assert (first.b, first.c) == (1, "yes")
    known = omegaconf.base.parse.cache_info().misses  # type: ignore[attr-defined]
    second = OmegaConf.create({"a": 2, "b": "${a}", "c": "${if_equal:${b},1,yes,no}"})
    assert (second.b, second.c) == (2, "no")
    assert omegaconf.base.parse.cache_info().misses == known  # type: ignore[attr-defined]
