"""Several machines, here several commands in folders of their own, on one study and one MLflow store in PostgreSQL."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from mlflow.tracking import MlflowClient

from fedrec.sweeps.study import SharedStudy
from fedrec.sweeps.study_storage import open_storage
from tests.sweeps.postgresql import server
from tests.sweeps.sweeps import LONG, SMALL, assert_complete, counted, finish, pid_of, results, start, trials, wait_for_running
from tests.sweeps.test_study import SPACE, value

HOLDER = """
import sys, time
from fedrec.sweeps.study_storage import exclusive
with exclusive(sys.argv[1], "claims"):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    with server() as address:
        for name in ("studies", "runs"):
            with psycopg.connect(f"{address.replace('+psycopg', '')}/postgres", autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}")
        yield address


def test_claims_are_exclusive(postgresql: str) -> None:
    """A connection that holds the lock keeps others out; one that is lost lets go."""
    address = f"{postgresql}/studies"
    study = SharedStudy(open_storage(address), address, "claims", 3)
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, address], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    with psycopg.connect(f"{postgresql.replace('+psycopg', '')}/studies") as connection:
        (waiting,) = connection.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted").fetchone() or (0,)
        assert waiting == 1
    holder.kill()
    trial = study.claim(SPACE.suggest)
    assert trial is not None
    study.tell(trial, [value(trial)])


@pytest.mark.slow
def test_two_machines_and_one_is_lost(tmp_path: Path, postgresql: str) -> None:
    sweep = (*SMALL, LONG, "sweep=defense", "hydra/sweeper/pruner=none", "hydra.sweeper.n_jobs=1", "hydra.sweeper.n_trials=12")
    stores = (f"hydra.sweeper.storage={postgresql}/studies", f"tracking.uri={postgresql}/runs")
    storage = f"{postgresql}/studies"
    machines = [tmp_path / name for name in ("one", "two")]
    for machine in machines:
        machine.mkdir()
    processes = [start(machine, *sweep, *stores) for machine in machines]
    victim = wait_for_running(tmp_path, 1, storage, n_workers=2)
    os.kill(pid_of(victim), signal.SIGKILL)
    lost = next(number for number, process in enumerate(processes) if process.pid == pid_of(victim))
    assert processes[lost].wait(60) == -signal.SIGKILL
    finish(processes[1 - lost], machines[1 - lost])
    found = trials(tmp_path, storage)
    assert_complete(found, 12)
    assert len({pid_of(trial) for trial in found}) == 2
    assert results(machines[1 - lost])["trials"] == {"complete": 12}

    client = MlflowClient(f"{postgresql}/runs")
    (experiment,) = client.search_experiments(filter_string="name = 'fedrec'")
    runs = client.search_runs([experiment.experiment_id], max_results=1000)
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert len(parents) == 1 and parents[0].info.status == "FINISHED"
    children = Counter(run.data.tags["mlflow.parentRunId"] for run in runs if run not in parents)
    for trial in counted(found):
        n_seeds = children[trial.user_attrs["mlflow_run_id"]]
        assert n_seeds >= 2 if trial.system_attrs.get("retry_history") else n_seeds == 2  # of the first try, too
