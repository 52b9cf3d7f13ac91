"""Cells of experiments: what their keys follow from, and where their data comes from."""

import pytest

from fedrec.campaigns.cells import Cell, Planner
from fedrec.config.validation import ConfigError
from tests.campaigns.planners import planner, two


@pytest.fixture(scope="module")
def plans(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch, planner(tmp_path_factory.mktemp("runs")) as made:
        patch.setattr(Planner, "checksum", lambda self, dataset, seed: str(dataset._target_))
        yield made


def first(plans: Planner, *point: str, experiment: str = "paper/table4") -> Cell:
    return plans.cells(experiment, point, two)[0]


def test_a_grid_has_every_point_of_a_sweep(plans):
    grid = plans.grid("paper/table11")
    assert len(set(grid)) == len(grid) == 12
    assert ("attack=pieck_ipe", "defense=ours", "system.loss=bpr") in {tuple(sorted(point)) for point in grid}


def test_runs_lie_in_any_folder(tmp_path):
    folder = tmp_path / "it's (mine), 50 %=half"
    with planner(folder, "dataset=synthetic") as made:
        assert made.config.hydra.sweep.dir == str(folder)


def test_a_cell_names_the_command_that_runs_it(plans):
    cell = plans.cells("paper/table4", ("model=mf", "attack=a_hum"), two)[1]
    assert cell.overrides == ["experiment=paper/table4", "model=mf", "attack=a_hum", "seed=1"]
    assert (cell.title, cell.dataset, cell.seed) == ("table4 model=mf attack=a_hum seed=1", "ml100k", 1)


def test_cells_of_several_experiments_are_one_run(plans):
    assert first(plans, "attack=pieck_uea").key == first(plans, "attack=pieck_uea", experiment="paper/table3").key
    point = ("attack=pieck_uea", "defense=ours", "system.epochs=150")
    assert first(plans, *point, experiment="paper/table5").key == first(plans, *point, experiment="paper/table11").key


def test_the_key_follows_from_options_seed_data_and_code_and_from_nothing_else(plans, monkeypatch):
    cells = plans.cells("paper/table4", ("attack=pieck_uea",), two)
    same = first(plans, "attack=pieck_uea", "tracking=none", "dataset.cache=elsewhere", "threads=2", "model.save=true")
    assert same.key == cells[0].key != cells[1].key
    assert cells[0].setting == cells[1].setting
    others = [
        first(plans, "attack=pieck_uea", other).setting for other in ("attack.N=7", "system.epochs=9", "evaluation.every=2", "device=cuda")
    ]
    assert len({cells[0].setting, *others}) == 5
    monkeypatch.setattr("fedrec.identity.run_identity.code_version", lambda modules, alone: "other code")
    assert first(plans, "attack=pieck_uea").setting == cells[0].setting
    assert first(plans, "attack=pieck_uea").key != cells[0].key
    monkeypatch.setattr(Planner, "checksum", lambda self, dataset, seed: "other data")
    assert first(plans, "attack=pieck_uea").setting != cells[0].setting


def test_a_wrong_option_of_a_cell_is_found_when_it_is_planned(plans):
    with pytest.raises(ConfigError, match=r"attack\.N"):
        plans.cells("paper/table4", ("attack=pieck_uea", "attack.N=0"), two)


def test_data_is_read_from_the_folder_that_the_planner_names(plans, tmp_path):
    named = Planner(plans.context, plans.config, plans.arguments, {"ml100k": tmp_path}, plans.recorder)
    assert named.compose("paper/table4", ()).dataset.root == str(tmp_path)
    assert named.compose("paper/table4", ("dataset=ml1m",)).dataset.root is None
