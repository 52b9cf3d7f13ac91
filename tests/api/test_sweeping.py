"""`fedrec.sweep` runs the jobs of `-m` and returns them as a table."""

import json
import logging

import pandas as pd
import pytest

import fedrec
from fedrec.main import main
from tests.api.test_running import interactions
from tests.cli.program import TINY

MEASURED = "best/ER@10", "final/HR@10", "final/ER@5"
OF_COLUMNS = ("tracking=none", "system.epochs=2", "dataset.user=who", "dataset.item=what", "attack=pieck_uea", "attack.N=5")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def assert_equal_runs(one, other):
    names = ["attack", "defense", "seed", *MEASURED, "data_checksum"]
    ordered = [table.sort_values(["attack", "defense", "seed"])[names].reset_index(drop=True) for table in (one, other)]
    pd.testing.assert_frame_equal(*ordered, check_exact=True)


def test_the_jobs_are_those_of_the_command_line(tmp_path):
    options = [*TINY, "attack=none,pieck_uea", "++attack.targets=[3]", "seed=range(2)"]
    table = fedrec.sweep(options)
    assert main(["-m", *options, "hydra.sweep.dir=typed"]) == 0
    (place,) = tmp_path.glob("multirun/*/*")
    assert_equal_runs(table, fedrec.comparison.reading.read_runs("typed"))
    assert sorted(table["folder"]) == sorted(str(place / str(number)) for number in range(4))
    assert fedrec.run([*TINY, "attack=pieck_uea", "attack.targets=[3]", "seed=1"]).summary["best"]["ER@10"] in set(table["best/ER@10"])


def test_nothing_is_printed(capfd, monkeypatch):
    for handler in logging.getLogger().handlers:
        monkeypatch.setattr(handler, "level", logging.CRITICAL)
    assert fedrec.sweep(" ".join([*TINY, "attack=glob(pieck_*)"]), folder="here")["attack"].tolist() == ["pieck_ipe", "pieck_uea"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("launcher", ["basic", pytest.param("joblib", marks=pytest.mark.slow)])
def test_a_data_frame_reaches_every_job(tmp_path, launcher):
    """The folder keeps it, so that each job can be run again from what it has left."""
    table = interactions()
    of_jobs = fedrec.sweep([*OF_COLUMNS, "seed=0,1", f"hydra/launcher={launcher}"], data=table, folder="sweep")
    for number in range(2):
        fedrec.run([*OF_COLUMNS, f"seed={number}"], data=table, folder=f"single/{number}")
    assert_equal_runs(of_jobs, fedrec.comparison.reading.read_runs("single"))
    assert json.loads((tmp_path / "sweep/0/summary.json").read_text())["config"]["dataset"]["path"] == str(tmp_path / "sweep/data.parquet")


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([1, "a", None, 2.5] * 225),
        pd.Series(["x", "y", "z"] * 300, dtype="category"),
        pd.Series(pd.date_range("2020", periods=900, tz="UTC")),
        pd.Series([{"a": 1}, [2], 3] * 300),
    ],
    ids=["mixed", "categories", "dates", "objects"],
)
def test_a_data_frame_of_any_columns_is_the_same_in_a_file(column):
    table = interactions().assign(other=column)
    single = fedrec.run(OF_COLUMNS, data=table)
    of_jobs = fedrec.sweep([*OF_COLUMNS, "seed=0"], data=table)
    assert of_jobs["data_checksum"].tolist() == [single.summary["data_checksum"]]


def test_columns_without_names():
    """Numbers are positions, in the DataFrame and in the file."""
    table = interactions()[["what", "who", "when"]]
    table.columns = range(3)
    options = [*OF_COLUMNS[:2], "dataset.user=1", "dataset.item=0"]
    assert fedrec.sweep(options, data=table)["data_checksum"].tolist() == [fedrec.run(options, data=table).summary["data_checksum"]]


@pytest.mark.parametrize("launcher", ["basic", pytest.param("joblib", marks=pytest.mark.slow)])
def test_the_others_go_on_if_a_job_fails(launcher):
    with pytest.raises(
        ValueError, match=r"^attack.targets: there is no item 99.* \(job 1 of the sweep: .*attack.targets=\[99\].*\)$"
    ) as caught:
        fedrec.sweep([*TINY, "attack.targets=[3],[99],[5]", f"hydra/launcher={launcher}"], folder="sweep")
    assert str(caught.value).endswith("; the others lie in sweep)") or "/sweep)" in str(caught.value)
    assert len(fedrec.comparison.reading.read_runs("sweep")) == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["seed=0,-1"], r"^seed=-1 is not allowed: .* \(job 1 of the sweep: .*seed=-1\)$"),
        (["attack=nobody,none"], "^attack=nobody does not exist: choose from a_hum, "),
        (["sweep=defense"], "^tuning is for the command line, which can go on with it: python -m fedrec.main -m .*sweep=defense$"),
        (["hydra/sweeper=fedrec_optuna", "model.dim=interval(2,4)"], "^tuning is for the command line"),
        (["model.dim=interval(2,4)"], r"^model.dim=interval\(2,4\): an interval is for tuning"),
    ],
)
def test_nothing_runs_if_one_job_is_wrong(tmp_path, options, words):
    with pytest.raises(ValueError, match=words):
        fedrec.sweep([*TINY, *options])
    assert not list(tmp_path.rglob("summary.json"))


def test_a_data_frame_beside_other_data():
    with pytest.raises(ValueError, match=r"^data gives a DataFrame, which dataset=table reads; dataset=ml100k,table has data of its own$"):
        fedrec.sweep("dataset=ml100k,table", data=interactions())
