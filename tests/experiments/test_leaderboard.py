"""`python -m experiments.leaderboard` on made-up data: every cell once, merging, rows of somebody's own, bad input."""

import json
from pathlib import Path

import pandas as pd
import pytest

from experiments import leaderboard
from experiments.leaderboards.board_options import BOARD_DEFAULTS
from experiments.leaderboards.combining import Race
from experiments.leaderboards.wanted_cells import EXPERIMENTS
from fedrec.config.compose import FOLDER
from fedrec.config.validation import ConfigError
from fedrec.federation.system import TrainingDiverged
from tests.experiments.driver import call, run, write_data
from tests.experiments.made_up_boards import run as made_up

SMALL = ("parts=ml100k", "models=mf", "attacks=pieck_uea,random", "defenses=median,norm_bound", "seeds=1", "workers=1")
MINE = '''
from fedrec.attacks.random import RandomFillers


class Mine(RandomFillers):
    """An attack of somebody's own."""
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with data in which the small board has been measured."""
    path = tmp_path_factory.mktemp("leaderboard")
    write_data(path / "data")
    ended = call(path, "leaderboard", *SMALL)
    assert ended.returncode == 0, ended.stderr
    assert "README.md, leaderboard.html, 1 board: 9 runs" in ended.stdout
    return path


def rows(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path / "runs.parquet")


@pytest.mark.slow
def test_measures_every_cell_once_and_goes_on(folder):
    before = rows(folder / "multirun/leaderboard")
    assert len(before) == 9 and {len(json.loads(point)) for point in before["point"]} == {3}
    again = call(folder, "leaderboard", *SMALL)
    assert again.returncode == 0 and "HR@10" not in again.stderr  # nothing was measured
    pd.testing.assert_frame_equal(rows(folder / "multirun/leaderboard"), before)
    planned = json.loads(call(folder, "leaderboard", *SMALL, "--dry-run", "--json").stdout)
    assert len(planned) == 9 and all(cell["measured"] for cell in planned) and planned[0]["overrides"][0] == "experiment=leaderboard/ml100k"
    assert "runs to measure" in call(folder, "leaderboard", *SMALL, "seeds=2", "--dry-run").stdout


@pytest.mark.slow
def test_a_narrower_command_keeps_the_other_rows(folder):
    ended = call(folder, "leaderboard", "parts=ml100k", "models=mf", "attacks=random", "defenses=median", "seeds=1", "--pages", "to=pages")
    assert ended.returncode == 0 and "9 runs" in ended.stdout and len(rows(folder / "pages")) == 9


@pytest.mark.slow
def test_rows_that_were_sent_are_shown_where_nothing_has_been_measured(folder):
    shown = call(folder, "leaderboard", *SMALL, "folder=received", "merge=multirun/leaderboard/runs.parquet", "--pages")
    assert shown.returncode == 0 and "merged: 9 of 9 rows are new" in shown.stdout and len(rows(folder / "received")) == 9


@pytest.mark.slow
def test_rows_of_another_leaderboard_are_taken_instead_of_measured(folder):
    told = call(folder, "leaderboard", *SMALL, "folder=other", "merge=multirun/leaderboard/runs.parquet")
    assert told.returncode == 0 and "merged: 9 of 9 rows are new" in told.stdout and not (folder / "other/runs").exists()
    assert (folder / "other/cells.csv").read_text() == (folder / "multirun/leaderboard/cells.csv").read_text()
    other = rows(folder / "other")
    changed = json.loads(other.loc[0, "result"])
    changed["best"]["HR@10"] = 0.123
    other.loc[0, "result"] = json.dumps(changed)
    other.to_parquet(folder / "changed.parquet")
    kept = call(folder, "leaderboard", *SMALL, "merge=changed.parquet")
    assert "0 of 9 rows are new; 1 had been measured here with other numbers, which stay, the first being ml100k model=mf" in kept.stdout
    assert "0.123" not in "".join(rows(folder / "multirun/leaderboard")["result"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("key", "another", "code of attack or defense are others here"),
        ("setting", "another", "options of attack or defense are others here"),
        ("point", '["model=mf", "system.epochs=1", "attack=none", "defense=none"]', "it is no point of the grid"),
        ("common", {"system": "other", "data": "other"}, "it was measured with other system and data"),
        ("experiment", "paper/table3", "no table of a leaderboard"),
        ("result", "{", "no table of a leaderboard"),
    ],
)
def test_a_row_that_does_not_fit_stops_the_merging(folder, column, value, reason):
    other = rows(folder / "multirun/leaderboard")
    if column == "common":
        result = json.loads(other.loc[0, "result"])
        result["common"] |= value
        column, value = "result", json.dumps(result)
    if column == "setting":
        other.loc[0, "key"] = value
    other.loc[0, column] = value
    other.to_parquet(folder / "bad.parquet")
    ended = call(folder, "leaderboard", *SMALL, f"folder=bad_{column}", "merge=bad.parquet")
    assert ended.returncode == 2 and reason in ended.stderr.splitlines()[-1]
    assert not (folder / f"bad_{column}/runs.parquet").exists()


@pytest.mark.slow
def test_an_attack_of_ones_own_gets_a_row_and_others_merge_it(folder):
    own = folder / "own"
    (own / "attack").mkdir(parents=True)
    (own / "attack/mine.yaml").write_text("_target_: mine.Mine\ndefaults: [random, _self_]\n")
    (folder / "mine.py").write_text(MINE)
    measured = ("parts=ml100k", "models=mf", "attacks=mine", "defenses=median", "seeds=1", "workers=1")
    ended = run(folder, "leaderboard", *measured, "--config-dir", "own", "folder=theirs")
    assert ended.returncode == 0, ended.stderr
    (folder / "mine.py").unlink()
    merged = run(folder, "leaderboard", *SMALL, "merge=theirs/runs.parquet")
    assert "merged: 2 of 4 rows are new" in merged.stdout, merged.stderr
    text = (folder / "multirun/leaderboard/README.md").read_text()
    assert "| defense | mine | PIECK-UEA | random |" in text
    theirs = rows(folder / "theirs")
    theirs["key"] = [key + "2" if "mine" in point else key for key, point in zip(theirs["key"], theirs["point"], strict=True)]
    theirs.to_parquet(folder / "renamed.parquet")
    refused = run(folder, "leaderboard", *SMALL, "merge=renamed.parquet")
    assert refused.returncode == 2 and "another row of this name is there already" in refused.stderr


@pytest.mark.slow
def test_a_run_that_diverges_is_measured_and_counts(folder, monkeypatch):
    def diverging(config, path, callbacks):
        from fedrec.conduct import prepare

        experiment = prepare(config, path, callbacks)
        monkeypatch.setattr(experiment.system, "rounds", lambda: (_ for _ in ()).throw(TrainingDiverged("round 1: the loss is nan")))
        experiment.train()

    monkeypatch.setattr("fedrec.campaigns.measuring.run", diverging)
    ended = call(folder, "leaderboard", "parts=ml100k", "models=mf", "attacks=pipa", "defenses=none", "seeds=1", "workers=1", "folder=torn")
    assert ended.returncode == 0, ended.stderr
    assert "diverged" in ended.stderr and "100.0 diverged" in (folder / "torn/README.md").read_text()


@pytest.mark.slow
def test_the_strongest_attacks_are_unknown_before_the_first_part(folder):
    ended = call(folder, "leaderboard", "parts=large", "models=mf", "folder=early")
    assert ended.returncode == 2 and "parts=large: which attacks are strongest is not known before parts=ml100k" in ended.stderr


@pytest.mark.slow
def test_the_real_program_shares_cells_among_processes(folder):
    ended = run(folder, "leaderboard", *SMALL[:-2], "seeds=2", "workers=2", "folder=shared")
    assert ended.returncode == 0 and "18 runs" in ended.stdout, ended.stderr


class OneByOne:
    """Stands for `Wanted`: a cell is the pair of its names."""

    class field:  # noqa: N801
        combinations = staticmethod(lambda: ["[a,b]", "[a,c]", "[d,e]", "[x,y]"])

    class options:  # noqa: N801
        seeds = 2

    def row(self, experiment, defense, attack, seeds):
        if defense == "[x,y]":
            raise ConfigError("two rules")
        return [Pair(defense, attack, seed) for seed in seeds]


class Pair(tuple):
    """A cell."""

    def __new__(cls, *names):
        return super().__new__(cls, names)

    @property
    def key(self):
        return tuple(self)


def test_a_combination_is_dropped_as_soon_as_something_breaks_it():
    known = {}

    def wanted():
        return {cell.key for cell in Race(OneByOne(), ["p", "q", "r", "s"], lambda cell: known.get(cell.key)).cells()}

    assert wanted() == {(one, "none", 0) for one in ("none", "[a,b]", "[a,c]", "[d,e]")}
    known |= {(one, "none", 0): made_up(0, hits) for one, hits in (("none", 0.5), ("[a,b]", 0.49), ("[a,c]", 0.485), ("[d,e]", 0.47))}
    assert wanted() - {*known} == {(one, attack, 0) for one in ("[a,b]", "[a,c]") for attack in "pqr"}  # [d,e] costs three points
    known |= {("[a,b]", attack, 0): made_up(0.01, 0.48) for attack in "pqr"} | {
        ("[a,c]", attack, 0): made_up(0.06, 0.5) for attack in "pqr"
    }
    assert wanted() - {*known} == {("[a,b]", "s", 0)}
    known["[a,b]", "s", 0] = made_up(0, 0.45, ())
    more = {(one, attack, seed) for one in ("none", "[a,b]") for attack in ("none", *"pqrs") for seed in (0, 1)}
    assert wanted() - {*known} == more - {*known}
    known["[a,b]", "s", 0] = made_up(0, 0.43, ())
    assert wanted() == {*known}


def test_help_and_readme_name_every_option():
    readme = Path(leaderboard.__file__).with_name("leaderboards").joinpath("README.md").read_text()
    assert all(f"  {name}=" in leaderboard.__doc__ and f"`{name}`" in readme for name in BOARD_DEFAULTS)


def test_every_part_has_its_experiments():
    names = {f"leaderboard/{path.stem}" for path in (FOLDER / "experiment/leaderboard").glob("*.yaml")} - {"leaderboard/settings"}
    assert names == {name for own in EXPERIMENTS.values() for name in own}
