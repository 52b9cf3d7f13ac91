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
from tests.sweeps.studies import SPACE, claim, value
from tests.sweeps.sweeps import (
    GATED,
    ONE,
    assert_complete,
    build_gate,
    counted,
    finish,
    open_gate,
    pid_of,
    results,
    start,
    trials,
    wait_for_running,
)

pytestmark = pytest.mark.slow
HOLDER = """
import sys
from fedrec.sweeps.study_storage import exclusive
with exclusive(sys.argv[1], "claims"):
    print("held", flush=True)
    sys.stdin.read()
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
    study = SharedStudy(open_storage(address), "claims", 3, SPACE)
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    with psycopg.connect(f"{postgresql.replace('+psycopg', '')}/studies") as connection:
        (held,) = connection.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted").fetchone() or (0,)
        assert held == 1
    holder.kill()
    trial = claim(study)
    study.tell(trial, [value(trial)])


def test_two_machines_and_one_is_lost(tmp_path: Path, postgresql: str) -> None:
    storage = f"{postgresql}/studies"
    sweep = (*GATED, ONE, "hydra.sweeper.n_trials=5", f"hydra.sweeper.storage={storage}", f"tracking.uri={postgresql}/runs")
    processes = {}
    for machine in (tmp_path / "one", tmp_path / "two"):
        machine.mkdir()
        build_gate(machine, 1)
        process = start(machine, *sweep)
        processes[process.pid] = (process, machine)
    victim, _ = wait_for_running(tmp_path, 2, storage, n_workers=2)
    os.kill(pid_of(victim), signal.SIGKILL)
    lost, _ = processes.pop(pid_of(victim))
    assert lost.wait(300) == -signal.SIGKILL
    ((survivor, machine),) = processes.values()
    open_gate(machine)
    finish(survivor, machine, storage)
    found = trials(tmp_path, storage)
    assert_complete(found, 5)
    assert len({pid_of(trial) for trial in found}) == 2
    assert results(machine)["trials"] == {"complete": 5}

    client = MlflowClient(f"{postgresql}/runs")
    (experiment,) = client.search_experiments(filter_string="name = 'fedrec'")
    runs = client.search_runs([experiment.experiment_id], max_results=1000)
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert len(parents) == 1 and parents[0].info.status == "FINISHED"
    children = Counter(run.data.tags["mlflow.parentRunId"] for run in runs if run not in parents)
    for trial in counted(found):
        n_runs = children[trial.user_attrs["mlflow_run_id"]]
        assert n_runs >= 1 if trial.system_attrs.get("retry_history") else n_runs == 1  # of the first try, too
