"""The home of the jobs of a plain `-m`, through any launcher and whatever happens to them."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from fedrec.tracking import deliver
from tests.cli.program import COMMAND, ENVIRONMENT, TINY, fedrec
from tests.tracking.runs import wait_until

SMALL = (*TINY, "tracking=mlflow", "attack=pieck_uea", "attack.N=10")


def runs(folder: Path) -> list[Run]:
    return list(MlflowClient(f"sqlite:///{folder}/mlflow.db").search_runs(["1"], order_by=["attributes.start_time"]))


def parents(found: list[Run]) -> set[str | None]:
    return {run.data.tags.get("mlflow.parentRunId") for run in found}


@pytest.mark.slow
def test_a_single_job_needs_no_home(tmp_path: Path) -> None:
    assert fedrec(tmp_path, *SMALL, "-m").returncode == 0
    (run,) = runs(tmp_path)
    assert "mlflow.parentRunId" not in run.data.tags
    assert "FEDREC" not in "".join(path.read_text() for path in tmp_path.glob("multirun/*/*/*/.hydra/*.yaml"))


@pytest.mark.slow
def test_jobs_of_other_processes_have_a_home(tmp_path: Path) -> None:
    ended = fedrec(tmp_path, *SMALL, "-m", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "seed=1,2", "defense=none,ours")
    assert ended.returncode == 0, ended.stderr
    parent, *jobs = runs(tmp_path)
    assert parents(jobs) == {parent.info.run_id} and len(jobs) == 4
    assert (parent.info.run_name, parent.info.status) == ("4 runs: seed=1,2 · defense=none,ours", "FINISHED")
    assert parent.data.tags["mlflow.note.content"].count("finished") == 4 + 1


@pytest.mark.slow
def test_a_job_that_fails_ends_its_home_as_failed(tmp_path: Path) -> None:
    """The data of the second job cannot be read."""
    ended = fedrec(tmp_path, *SMALL, "-m", "dataset=synthetic,ml100k", "++dataset.root=nowhere", "~dataset.users", "~dataset.items")
    assert ended.returncode != 0
    if (tmp_path / "mlflow.db").exists():
        assert not [run for run in runs(tmp_path) if run.info.status == "RUNNING"]


@pytest.mark.slow
def test_the_home_of_jobs_that_are_killed_is_delivered(tmp_path: Path) -> None:
    command = [*COMMAND, *SMALL, "-m", "seed=1,2", "system.epochs=1000000"]
    options: dict[str, Any] = {"cwd": tmp_path, "env": ENVIRONMENT, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, start_new_session=True, **options) as process:
        wait_until(lambda: list(tmp_path.glob("multirun/*/*/0/tracking/metrics.csv")))
        os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: deliver.main([str(tmp_path)]) == 0)
    found = runs(tmp_path)
    (parent,) = [run for run in found if "mlflow.parentRunId" not in run.data.tags]
    assert parent.info.status == "KILLED"
    assert parents([run for run in found if run is not parent]) == {parent.info.run_id}


@pytest.mark.slow
def test_an_interrupted_home_tells_what_there_is(tmp_path: Path) -> None:
    command = [*COMMAND, *SMALL, "-m", "system.epochs=2,1000000"]
    options: dict[str, Any] = {"cwd": tmp_path, "env": ENVIRONMENT, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **options) as process:
        wait_until(lambda: any(path.stat().st_size > 10_000 for path in tmp_path.glob("multirun/*/*/1/tracking/metrics.csv")))
        process.send_signal(signal.SIGTERM)
    assert deliver.main([str(tmp_path)]) == 0  # what a slow store has not taken in time
    parent, *jobs = runs(tmp_path)
    assert (parent.info.status, {run.info.status for run in jobs}) == ("KILLED", {"FINISHED", "KILLED"})
    note = parent.data.tags["mlflow.note.content"]
    assert note.startswith("1 of 2 runs are finished. It was interrupted.")
    assert all(json.loads(path.read_text())["name"] in note for path in tmp_path.glob("multirun/*/*/*/summary.json"))
