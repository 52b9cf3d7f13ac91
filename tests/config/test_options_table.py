"""The tables of conf/README.md against the yaml files: every option with its default, and no row without an option."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from fedrec.cli.cards import GROUPS, cards
from fedrec.config.compose import FOLDER, compose
from fedrec.config.validation import shown

PAGE = (FOLDER / "README.md").read_text()
SECTIONS = dict(re.findall(r"(?ms)^### (?:`([\w.]+)`|Top-level options)$(.*?)(?=^##|\Z)", PAGE))  # group -> its table
ROW = re.compile(r"^\| `([\w.]+)` \| (.+?) \| (.+?) \| .+ \| .+ \|$", re.MULTILINE)
Options = dict[tuple[str, str], str]  # (choice, option) -> default


def described(group: str) -> Options:
    """What the table of a group says; a row for `all` is about all choices that have no row of their own for this option."""
    choices = [path.stem for path in folder(group).glob("*.yaml")] if group else [""]
    found: Options = {}
    rows = ROW.findall(SECTIONS[group])
    for option, of, default in (row for row in rows if row[1] != "all"):
        for choice in of.split(", "):
            assert found.setdefault((choice, option), default) == default, f"{group} {choice} {option} has two rows"
    for option, default in ((option, default) for option, of, default in rows if of == "all"):
        found = {(choice, option): default for choice in choices} | found
    return found


def folder(group: str) -> Path:
    return FOLDER / group.replace(".", "/")


def options(node: Any, option: str = "") -> Iterator[tuple[str, str]]:
    """Every option below a node of a yaml, with its default as one types it; of a search space, what it names."""
    for key, value in node.items():
        name = f"{option}{key}"
        if isinstance(value, dict) and value:
            yield from [(name, ", ".join(value))] if name.endswith("space") else options(value, f"{name}.")
        elif key not in ("defaults", "_target_", "_recursive_"):
            text = re.sub(r"\$\{env_or:\w+,(.*)\}", r"\1", shown(value))  # what it is without the variable
            yield name, re.sub(r"\$\{if_equal:\$\{[^}]*\},(\w+),([^,]*),([^,]*)\}", r"\3; \1: \2", text)


def written(group: str) -> Options:
    """What the files of a group say."""
    if group in GROUPS:  # their defaults may refer to other options, and models may bring their own
        found = cards(group, [FOLDER], compose())
        return {
            (name, option): parameter.defaults.replace(" | ", "; ")
            for name, card in found.items()
            for option, parameter in card.parameters.items()
        }
    nodes: dict[str, Any] = {path.stem: OmegaConf.to_container(OmegaConf.load(path)) for path in folder(group).glob("*.yaml")}
    nodes = {name: node["sweep"] if group == "sweep" else node for name, node in nodes.items()}
    return {(name, option): default for name, node in nodes.items() for option, default in options(node)}


def test_there_is_a_table_for_every_group() -> None:
    groups = {str(path.parent.relative_to(FOLDER)).replace("/", ".") for path in FOLDER.rglob("*.yaml")}
    without = {".", "hydra", "hydra.help", "experiment"}  # an experiment and a variant have no options of their own
    assert {group for group in groups - without if not group.startswith(("experiment.", "variant", "by_model"))} == SECTIONS.keys() - {""}


@pytest.mark.parametrize("group", sorted(SECTIONS))
def test_a_table_has_every_option_with_its_default(group: str) -> None:
    own: dict[str, Any] = OmegaConf.to_container(OmegaConf.load(FOLDER / "config.yaml"))  # type: ignore[assignment]
    expected = written(group) if group else {("", option): default for option, default in options(own)}
    assert described(group) == expected


def test_lines_fit_a_screen() -> None:
    assert max(map(len, PAGE.splitlines())) <= 120
