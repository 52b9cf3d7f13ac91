"""`python -m experiments.paper`: every cell once, whatever happens; plans; bad input."""

import json
import os
import signal
from collections import Counter
from functools import partial

import pandas as pd
import pytest

from fedrec.conduct import run as run_experiment
from fedrec.config.validation import ConfigError
from tests.experiments.driver import QUICK, call, measured, plan, run, start, write_data
from tests.sweeps.postgresql import server
from tests.tracking.runs import wait_until

TABLE5 = ("only=table5", "seeds=1", *QUICK)
FIG4 = ("only=fig4", "seeds=1", *QUICK)


@pytest.fixture
def folder(tmp_path):
    write_data(tmp_path / "data")
    return tmp_path


def test_measures_every_cell_once_and_then_reports_it(folder):
    cells = plan(folder, *FIG4)
    assert len(cells) == 2 and not any(cell["measured"] for cell in cells)
    assert not (folder / "multirun").exists()  # a dry run stores nothing
    first = call(folder, "paper", *FIG4)
    assert first.returncode == 0, first.stderr
    assert "2 of 2 runs are measured: 2 cells" in first.stdout
    assert "fig4 model=mf seed=0: ER@10 " in first.stderr
    assert measured(folder) == dict.fromkeys((cell["key"] for cell in cells), 1)
    summary = json.loads(next((folder / "multirun/paper/runs").glob("*/summary.json")).read_text())
    assert summary["status"] == "FINISHED" and summary["config"]["seed"] == 0
    more = call(folder, "paper", "only=fig4,table8", "seeds=2", *QUICK)
    assert "6 of 6 runs are measured: 6 cells" in more.stdout
    assert set(measured(folder).values()) == {1} and more.stderr.count("fig4 ") == 2  # the second seed only

    written = call(folder, "report", "to=report")
    assert written.returncode == 0, written.stderr
    runs = pd.read_parquet(folder / "report/runs.parquet")
    assert sorted(set(runs["experiment"])) == ["paper/fig4", "paper/table8"] and len(runs) == 6
    assert not runs["result"].str.contains(str(folder)).any()  # results name no path of this machine
    taken = call(folder, "paper", *FIG4, "folder=other", "known=report/runs.parquet")
    assert "2 of 2 runs are measured" in taken.stdout and not (folder / "other/runs").exists()


def test_large_data_sets_have_seeds_of_their_own(folder):
    cells = plan(folder, "only=table8", "seeds=2", "large_seeds=1", "datasets=ml100k,ml1m")
    assert sorted((cell["dataset"], cell["seed"]) for cell in cells) == [("ml100k", 0), ("ml100k", 1), ("ml1m", 0)]
    usual = plan(folder, "only=table8", "datasets=ml100k,ml1m")
    assert Counter(cell["dataset"] for cell in usual) == {"ml100k": 5, "ml1m": 3}


def test_a_plan_is_a_table_with_times(folder):
    shown = call(folder, "paper", "only=table5,table8", "seeds=2", *QUICK, "--dry-run").stdout
    assert "paper/table5" in shown and "runs to measure" in shown and "0:0" in shown


def test_data_that_is_not_there_is_one_line(folder):
    (folder / "data/az/train.txt").unlink()
    ended = call(folder, "paper", "only=table8")
    assert ended.returncode == 2 and "data/az holds no Digital_Music_5.json.gz" in ended.stderr.splitlines()[-1]


def test_a_cell_that_fails_is_named_and_tried_again(folder, monkeypatch):
    started = []

    def failing(config, path, record):
        started.append(path)
        if len(started) == 2:
            raise ConfigError("no second run today")
        return run_experiment(config, path, record)

    with monkeypatch.context() as patch:
        patch.setattr("fedrec.campaigns.measuring.run", failing)
        ended = call(folder, "paper", *FIG4)
    assert ended.returncode == 1 and "1 of 2 runs are measured" in ended.stdout
    assert "failed: fig4 model=" in ended.stderr and "seed=0: no second run today\n" in ended.stderr
    assert call(folder, "paper", *FIG4).returncode == 0 and set(measured(folder).values()) == {1}


def test_the_real_program_ends_with_its_status(folder):
    result = run(folder, "paper", "only=table99")
    assert result.returncode == 2 and result.stderr.startswith("error: only=table99: no such experiment; ") and not result.stdout


@pytest.mark.slow
def test_the_real_program_shares_cells_among_processes(folder):
    result = run(folder, "paper", "only=fig4", "seeds=2", *QUICK[:2], "workers=2")
    assert result.returncode == 0, result.stderr
    assert "4 of 4 runs are measured" in result.stdout
    assert len(measured(folder)) == 4 and set(measured(folder).values()) == {1}


@pytest.mark.slow
def test_killed_at_any_point_it_goes_on_and_measures_nothing_twice(folder):
    keys = {cell["key"] for cell in plan(folder, *TABLE5)}
    for least in (1, 3):
        process = start(folder, *TABLE5, "workers=2")
        wait_until(partial(_has_measured, folder, least), 240)
        os.killpg(process.pid, signal.SIGKILL if least == 1 else signal.SIGTERM)
        assert process.wait(120) in (-signal.SIGKILL, 128 + signal.SIGTERM, 0)  # 0: it was faster than the signal
    last = call(folder, "paper", *TABLE5)
    assert last.returncode == 0, last.stderr
    assert measured(folder) == dict.fromkeys(keys, 1)


def _has_measured(folder, least):
    return len(measured(folder)) >= least


@pytest.mark.slow
def test_one_mlflow_experiment_for_each_table(folder):
    import mlflow

    result = run(folder, "paper", "only=table8,fig4", "datasets=ml100k", "seeds=1", "workers=1")
    assert result.returncode == 0, result.stderr
    client = mlflow.MlflowClient(f"sqlite:///{folder}/mlflow.db")
    found = {one.name: client.search_runs([one.experiment_id]) for one in client.search_experiments()}
    assert {name: len(runs) for name, runs in found.items() if name != "Default"} == {"paper/table8": 1, "paper/fig4": 2}
    assert {run.info.run_name for run in found["paper/fig4"]} == {"fig4 model=mf seed=0", "fig4 model=ncf seed=0"}


@pytest.mark.slow
def test_ray_and_postgresql(folder):
    from sqlalchemy import create_engine, text

    with server() as address:
        with create_engine(f"{address}/postgres", isolation_level="AUTOCOMMIT").connect() as connection:
            connection.execute(text("CREATE DATABASE paper"))
        storage = f"{address}/paper"
        result = run(folder, "paper", *FIG4, "launcher=ray", "workers=2", f"storage={storage}")
        assert result.returncode == 0, result.stderr
        assert sorted(measured(folder, storage).values()) == [1, 1]
        assert run(folder, "report", f"storage={storage}", "to=report").returncode == 0
