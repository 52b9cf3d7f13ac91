"""`python -m experiments.paper`: every cell once, whatever happens; plans; bad input."""

import json
import os
import signal
from dataclasses import replace
from functools import partial

import pytest

from experiments import paper as driver
from experiments.paper import main
from fedrec.campaigns.store import Address, attributes
from fedrec.data.amazon import SOURCE
from tests.experiments.driver import QUICK, address, measured, paper, plan, run, start, write_data
from tests.sweeps.postgresql import server
from tests.sweeps.sweeps import trials
from tests.tracking.runs import wait_until

TABLE5 = ("only=table5", "seeds=2", *QUICK)
FIG4 = ("only=fig4", "seeds=1", *QUICK)


@pytest.fixture
def folder(tmp_path):
    write_data(tmp_path / "data")
    return tmp_path


def test_measures_every_cell_once_and_then_nothing(folder):
    cells = plan(folder, "only=table5", "seeds=1", *QUICK)
    assert len(cells) == 6 and not any(cell["measured"] for cell in cells)
    assert not (folder / "multirun").exists()
    first = paper(folder, "only=table5", "seeds=1", *QUICK)
    assert first.returncode == 0, first.stderr
    assert "6 of 6 runs are measured: 6 cells" in first.stdout
    assert "table5 attack=pieck_uea defense=ours seed=0: ER@10 " in first.stderr
    assert measured(folder) == dict.fromkeys((cell["key"] for cell in cells), 1)
    summary = json.loads(next((folder / "multirun/paper/runs").glob("*/summary.json")).read_text())
    assert summary["status"] == "FINISHED" and summary["config"]["seed"] == 0
    more = paper(folder, "only=table5,fig4", "seeds=2", *QUICK)
    assert "16 of 16 runs are measured: 16 cells" in more.stdout
    assert set(measured(folder).values()) == {1}
    assert more.stderr.count("table5 ") == 6  # the second seed


def test_killed_at_any_point_it_goes_on_and_measures_nothing_twice(folder):
    keys = {cell["key"] for cell in plan(folder, *TABLE5)}
    for least in (1, 4):
        process = start(folder, *TABLE5, "workers=2")
        wait_until(partial(_has_measured, folder, least), 120)
        os.killpg(process.pid, signal.SIGKILL if least == 1 else signal.SIGTERM)
        assert process.wait(60) in (-signal.SIGKILL, 128 + signal.SIGTERM)
    assert len(measured(folder)) < len(keys)
    last = paper(folder, *TABLE5)
    assert last.returncode == 0, last.stderr
    assert measured(folder) == dict.fromkeys(keys, 1)


def _has_measured(folder, least):
    return len(measured(folder)) >= least


def test_a_cell_that_fails_is_named_and_tried_again(folder):
    arguments = ("only=fig5_attack", "seeds=1", *QUICK)
    for tries in (1, 2):
        result = paper(folder, *arguments)
        assert result.returncode == 1
        assert "failed: fig5_attack attack.N=500 attack=pieck_uea seed=0: attack.N = 500: at most " in result.stderr
        failed = [trial for trial in trials(folder, address(folder), "paper") if trial.state.name == "FAIL"]
        assert len(failed) == 4 * tries  # N = 250 and 500 do not fit 200 items
    assert set(measured(folder).values()) == {1} and len(measured(folder)) == 12


def test_what_was_queued_for_other_code_is_not_run_under_its_name(folder):
    assert paper(folder, *FIG4).returncode == 0
    store = Address(address(folder)).open()
    stale = replace(store.asked_for("paper/fig4")[0], key="0123456789abcdef")
    store.study.queue([attributes(stale)])
    result = paper(folder, *FIG4[:1], "seeds=2", *QUICK)
    assert result.returncode == 0, result.stderr
    assert store.failures([stale]) == [(stale, "options, code or data are others now than when this run was queued")]
    assert "0123456789abcdef" not in measured(folder)


def test_other_seeds_and_data_sets_of_earlier_commands_stay(folder):
    assert paper(folder, "only=table8", "seeds=2", "tracking=none", "workers=1").returncode == 0
    assert paper(folder, "only=table8", "seeds=1", *QUICK).returncode == 0
    table = Address(address(folder)).open().table()
    assert sorted(zip(table["dataset"], table["seed"], strict=True)) == [("amazon_music", 0), ("ml100k", 0), ("ml100k", 1), ("ml1m", 0)]


def test_one_mlflow_experiment_for_each_table_and_one_report(folder):
    import mlflow

    result = paper(folder, "only=table8,fig4", "datasets=ml100k", "seeds=1", "workers=1")
    assert result.returncode == 0, result.stderr
    client = mlflow.MlflowClient(f"sqlite:///{folder}/mlflow.db")
    found = {one.name: client.search_runs([one.experiment_id]) for one in client.search_experiments()}
    assert {name: len(runs) for name, runs in found.items() if name != "Default"} == {"paper/table8": 1, "paper/fig4": 2}
    assert {run.info.run_name for run in found["paper/fig4"]} == {"fig4 model=mf seed=0", "fig4 model=ncf seed=0"}


def test_ray_and_postgresql_and_what_a_report_knows_already(folder):
    from sqlalchemy import create_engine, text

    with server() as address:
        with create_engine(f"{address}/postgres", isolation_level="AUTOCOMMIT").connect() as connection:
            connection.execute(text("CREATE DATABASE paper"))
        storage = f"{address}/paper"
        result = paper(folder, *FIG4, "launcher=ray", "workers=2", f"storage={storage}")
        assert result.returncode == 0, result.stderr
        assert sorted(measured(folder, storage).values()) == [1, 1]
        written = run(folder, "report", f"storage={storage}", "to=report")
        assert written.returncode == 0, written.stderr
    taken = paper(folder, *FIG4, "folder=other", "known=report/runs.parquet")
    assert "2 of 2 runs are measured" in taken.stdout and not (folder / "other/runs").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["onyl=table3"], "unknown option onyl: there are only, datasets, seeds,"),
        (["only=table99"], "only=table99: no such experiment; there are table2, table3,"),
        (["seeds=0"], "seeds=0 is not allowed: must be a whole number >= 1"),
        (["datasets=ml100"], "did you mean ml100k?"),
        (["launcher=rai"], "hydra/launcher=rai does not exist: choose from "),
        (["--json"], "--json: only together with --dry-run"),
        (["--fast"], "--fast: expected KEY=VALUE, --dry-run, --json or --help"),
        (["only=table8", "datasets=ml100k", "known=nowhere.parquet"], "nowhere.parquet: no table of runs"),
        (["only=table8", "storage=mysql://x/y"], "storage=mysql://x/y: not supported; allowed: null, sqlite:///FILE or postgresql"),
    ],
)
def test_bad_input_is_one_line(arguments, message, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("FEDREC_DATA", str(folder / "data"))
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and message in error


def test_data_that_is_not_there_is_one_line(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("FEDREC_DATA", str(folder / "data"))
    (folder / "data/az/train.txt").unlink()
    monkeypatch.setattr("fedrec.data.amazon.SOURCE", replace(SOURCE, ways=()))
    assert main(["only=table8"]) == 2
    assert "dataset=amazon_music: " in capsys.readouterr().err.splitlines()[-1]


def test_help_names_every_option():
    assert all(f"  {name}=" in driver.__doc__ for name in driver.DEFAULTS)
