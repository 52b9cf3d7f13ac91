"""Who takes part in the leaderboard."""

import pytest

from experiments.leaderboards.field import NAMED, Field, parts_of
from fedrec.config.compose import FOLDER
from fedrec.config.validation import ConfigError


@pytest.fixture
def own(tmp_path):
    (tmp_path / "attack").mkdir()
    (tmp_path / "attack/mine.yaml").write_text("_target_: fedrec.attacks.random.RandomFillers\n")
    return tmp_path


def test_everything_in_conf_takes_part_and_none_comes_first(own):
    field = Field.of(own)
    files = {group: {path.stem for path in (FOLDER / group).glob("*.yaml")} for group in ("attack", "defense", "model")}
    assert field.attacks[0] == field.defenses[0] == "none" and {*field.attacks} == files["attack"] | {"mine"}
    rows = {one for one in NAMED if {*parts_of(one)} <= files["defense"]}
    assert rows and {*field.defenses} == files["defense"] | rows and {*field.models} == files["model"]
    assert field.knows("mine", "[ours,median]") and not Field.of(None).knows("mine", "none") and not field.knows("pipa", "[ours,other]")


def test_a_choice_keeps_none_and_may_be_a_combination_without_a_row():
    field = Field.of(None, ["pipa"], ["[foolsgold,ours]", "krum"], ["ncf"])
    assert (field.attacks, field.defenses, field.models) == (["none", "pipa"], ["none", "[foolsgold,ours]", "krum"], ["ncf"])
    for wrong in ({"attacks": ["pipo"]}, {"defenses": ["[ours,medain]"]}, {"models": ["mff"]}):
        with pytest.raises(ConfigError, match="there is none; allowed are"):
            Field.of(None, **wrong)


def test_combinations_have_two_parts_at_least_and_one_of_each_kind():
    found = Field.of(None).combinations()
    assert {"[ours,norm_bound]", "[ours,nnm,median]", "[norm_bound,krum]"} <= {*found} and len(found) == len({*found})
    assert not {"[ours]", "[median,krum]", "[norm_bound,nnm]"} & {*found}
    assert Field.of(None, defenses=["krum", "[flame,norm_bound]"]).combinations() == ["[norm_bound,flame]"]
