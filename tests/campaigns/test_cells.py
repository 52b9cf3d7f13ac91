"""The experiments of conf/experiment: their grids, what the paper prints of them, and the keys of their runs."""

from pathlib import Path

import pytest

from experiments.analysis.tables import PRINTED, TABLES, printed
from fedrec.campaigns.cells import Cell, Planner, experiments
from fedrec.campaigns.code_version import code_version
from fedrec.config.validation import ConfigError
from tests.experiments.planning import planner, two


@pytest.fixture(scope="module")
def plans():
    with pytest.MonkeyPatch.context() as patch, planner() as made:
        patch.delenv("FEDREC_DATA", raising=False)
        patch.setattr(Planner, "_checksum", lambda self, dataset, seed: str(dataset._target_))
        yield made


@pytest.mark.parametrize("experiment", experiments())
def test_first_and_last_cell_are_runs_that_fedrec_takes(experiment, plans):
    grid = plans.grid(experiment)
    for point in (grid[0], grid[-1]):
        cells = plans.cells(experiment, point, two)
        assert [cell.seed for cell in cells] == [0, 1]
        assert cells[0].overrides == [f"experiment={experiment}", *point, "seed=0"]


@pytest.mark.parametrize("table", sorted(path.stem for path in PRINTED.glob("*.csv")))
def test_every_printed_cell_is_one_point_of_the_grid(table, plans):
    grid = [dict(override.lower().split("=", 1) for override in point) for point in plans.grid(f"paper/{table}")]
    rows = list(printed(table))
    assert rows and all(values for _, values in rows)
    for choices, _ in rows:
        assert sum(choices.items() <= point.items() for point in grid) == 1, choices


def test_every_table_and_figure_of_the_paper_has_an_experiment():
    names = {name.partition("/")[2].partition("_")[0] for name in experiments()}
    assert {*(f"table{number}" for number in range(2, 12)), *(f"fig{number}" for number in range(3, 8))} <= names
    assert {path.stem for path in PRINTED.glob("*.csv")} - {"fig7"} == set(TABLES)


def test_only_means_the_start_of_a_name_but_not_of_a_number():
    assert experiments(["fig5", "table10"]) == ["paper/table10", "paper/fig5_attack", "paper/fig5_defense", "paper/fig5_share"]
    assert len(experiments(["table", "fig"])) == len([name for name in experiments() if name.startswith("paper/")])
    assert experiments(["table6"]) == ["paper/table6_attack", "paper/table6_defense"]
    with pytest.raises(ConfigError, match="only=table1: no such experiment; there are table2, "):
        experiments(["table1"])


def key(plans: Planner, *point: str, experiment: str = "paper/table4") -> Cell:
    return plans.cells(experiment, point, two)[0]


def test_cells_of_several_experiments_are_one_run(plans):
    assert (
        key(plans, "attack=pieck_uea", "defense=ours").key == key(plans, "attack=pieck_uea", "defense=ours", experiment="paper/table5").key
    )


def test_the_key_follows_from_options_seed_data_and_code_and_from_nothing_else(plans, monkeypatch):
    cells = plans.cells("paper/table4", ("attack=pieck_uea",), two)
    same = key(plans, "attack=pieck_uea", "tracking=none", "dataset.cache=elsewhere", "threads=2")
    assert same.key == cells[0].key != cells[1].key
    assert cells[0].setting == cells[1].setting
    others = [
        key(plans, "attack=pieck_uea", other).setting for other in ("attack.N=7", "system.epochs=9", "evaluation.every=2", "device=cuda")
    ]
    assert len({cells[0].setting, *others}) == 5
    monkeypatch.setattr("fedrec.campaigns.cells.code_version", lambda modules, alone: "other code")
    assert key(plans, "attack=pieck_uea").setting == cells[0].setting
    assert key(plans, "attack=pieck_uea").key != cells[0].key
    monkeypatch.setattr(Planner, "_checksum", lambda self, dataset, seed: "other data")
    assert key(plans, "attack=pieck_uea").setting != cells[0].setting


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package `wares`: one module imports another, a third stands alone. Every call makes another of its kind."""
    folder = tmp_path / "wares"
    folder.mkdir()
    texts = {"__init__": "", "used": '"""Old."""\nX = 1\n', "shop": "from wares import used\nY = used.X\n", "alone": "Z = 1\n"}
    texts |= {"front": "import wares.paint\nW = 1\n", "paint": "V = 1\n"}
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def version(package: Path, name: str = "", text: str = "") -> str:
    from fedrec.campaigns import code_version as module

    if name:
        (package / f"{name}.py").write_text(text)
    module._parsed.cache_clear()
    return code_version(["wares.shop"], ["wares.front"])


def test_code_version_follows_imports_and_code_but_not_words(package):
    before = version(package)
    assert version(package, "used", '"""New."""\n\nX = 1  # one\n') == before
    assert version(package, "alone", "Z = 2\n") == version(package, "paint", "V = 2\n") == before
    assert version(package, "front", "import wares.paint\nW = 2\n") != before
    assert version(package, "used", "X = 2\n") != before
