"""Of a composed configuration the choice of each group can be told, for every file that there is."""

import pytest
from omegaconf import OmegaConf

from fedrec.config.build import GROUPS
from fedrec.config.compose import FOLDER, compose
from fedrec.config.filled_from import choices_of

NEEDED = {"presplit": ("dataset.root=.",)}
CHOICES = [(group, path.stem) for group in GROUPS for path in sorted((FOLDER / group).glob("*.yaml"))]


def chosen(*overrides):
    return choices_of(OmegaConf.to_container(compose(*overrides), resolve=True))


@pytest.mark.parametrize(("group", "name"), CHOICES)
def test_the_choice_of_every_file(group, name):
    assert chosen(f"{group}={name}", *NEEDED.get(name, ()))[group] == name


def test_options_that_were_changed_do_not_hide_the_choice():
    found = chosen("dataset=ml1m", "dataset.validation=true", "model=ncf", "model.dim=3", "variant=paper_text", "defense=krum", "seed=9")
    assert (found["dataset"], found["model"], found["system"], found["defense"]) == ("ml1m", "ncf", "ncf", "krum")


def test_several_defenses_are_no_choice():
    assert "defense" not in chosen("defense=[ours,krum]")
