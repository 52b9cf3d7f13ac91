"""The experiments of conf/experiment: their grids, what the paper prints of them, and which cells a command asks for."""

from pathlib import Path

import pytest

from experiments.analysis.released_runs import FILE
from experiments.analysis.tables import NUMBERED, PRINTED, TABLES, printed
from experiments.options import parse
from experiments.planned_cells import LARGE, SPLITS, experiments, in_order, plan, published_splits
from fedrec.campaigns.cells import Cell, Planner
from fedrec.campaigns.estimates import Estimates
from fedrec.config.validation import ConfigError
from tests.campaigns.planners import planner, two


@pytest.fixture(scope="module")
def plans(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch, planner(tmp_path_factory.mktemp("runs")) as made:
        patch.setattr(Planner, "checksum", lambda self, dataset, seed: str(dataset._target_))
        yield made


@pytest.mark.parametrize("experiment", experiments())
def test_first_and_last_cell_are_runs_that_fedrec_takes(experiment, plans):
    grid = plans.grid(experiment)
    for point in (grid[0], grid[-1]):
        cells = plans.cells(experiment, point, two)
        assert [cell.seed for cell in cells] == [0, 1]
        assert cells[0].overrides == [f"experiment={experiment}", *point, "seed=0"]


@pytest.mark.parametrize("table", sorted(NUMBERED))
def test_every_printed_cell_is_one_point_of_the_grid(table, plans):
    grid = [dict(override.lower().split("=", 1) for override in point) for point in plans.grid(f"paper/{table}")]
    rows = list(printed(table))
    assert rows and all(values for _, values in rows)
    for choices, _ in rows:
        assert sum(choices.items() <= point.items() for point in grid) == 1, choices


def test_every_table_and_figure_of_the_paper_has_an_experiment():
    names = {name.partition("/")[2].partition("_")[0] for name in experiments()}
    assert {*(f"table{number}" for number in range(2, 12)), *(f"fig{number}" for number in range(3, 8))} <= names
    assert {*PRINTED.glob("*.csv")} == {FILE, *(PRINTED / f"{name}.csv" for name in NUMBERED)} and {*TABLES} < {*NUMBERED}


def test_only_means_the_start_of_a_name_but_not_of_a_number():
    assert experiments(["fig5", "table10"]) == ["paper/table10", "paper/fig5_attack", "paper/fig5_defense", "paper/fig5_share"]
    assert len(experiments(["table", "fig"])) == len([name for name in experiments() if name.startswith("paper/")])
    assert experiments(["table6"]) == ["paper/table6_attack", "paper/table6_defense"]
    with pytest.raises(ConfigError, match="only=table1: no such experiment; there are table2, "):
        experiments(["table1"])


def test_items_are_named_only_where_the_ids_are_those_of_the_published_split(plans, monkeypatch, capsys):
    options, _ = parse(["only=target_items"])
    monkeypatch.setattr(plans, "grid", lambda name: Planner.grid(plans, name)[:2])
    assert plan(options, plans) == []
    assert capsys.readouterr().err.endswith("which FEDREC_DATA lacks: beyond/target_items\n")
    monkeypatch.setattr(plans, "roots", {"ml100k": Path("ml-100k")})
    assert [cell.point[-1] for cell in plan(options, plans)] == ["attack.targets=[76]", "attack.targets=[80]"]
    assert capsys.readouterr().err == ""


def test_published_splits_are_those_that_lie_in_the_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("FEDREC_DATA", raising=False)
    assert published_splits() == {}
    (tmp_path / "az").mkdir()
    monkeypatch.setenv("FEDREC_DATA", str(tmp_path))
    assert published_splits() == {"amazon_music": tmp_path / "az"}


def test_the_paper_is_measured_before_the_rest_and_small_data_sets_first():
    wanted = [("beyond/matrix", "ml100k"), ("paper/table3", LARGE[0]), ("paper/table3", "ml100k")]
    cells = [Cell(experiment, (), dataset, 0, "", "", "") for experiment, dataset in wanted]
    assert in_order(cells, Estimates([])) == cells[::-1]
    assert set(LARGE) < set(SPLITS)
