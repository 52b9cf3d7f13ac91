"""Small sweeps by the real program, and what they leave behind."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import optuna
import yaml
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from fedrec.sweeps.study import WORKER
from tests.cli.program import COMMAND, ENVIRONMENT
from tests.tracking.runs import wait_until

DATA = ("dataset=synthetic", "dataset.users=60", "dataset.items=80", "dataset.interactions=1200")
SMALL = (*DATA, "system.epochs=15", "evaluation.every=5", "attack.N=10", "defense.N=range(1,20)", "sweep.seeds=2", "sweep.fresh_seeds=2")
NAME = "hydra.sweeper.study_name=tuned"  # and so the folder multirun/tuned
LONG = "system.epochs=60"  # a run then takes long enough to be interrupted


def start(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """`python -m fedrec.main -m ...`, in a process group of its own; what it prints goes to a file `log` in the folder."""
    with (folder / "log").open("a") as log:
        return subprocess.Popen(
            [*COMMAND, "-m", NAME, *arguments],
            cwd=folder,
            env=ENVIRONMENT | environment,
            stdout=log,
            stderr=log,
            text=True,
            process_group=0,
        )


def finish(process: "subprocess.Popen[str]", folder: Path) -> str:
    """What it has printed, once it has ended well."""
    assert process.wait(300) == 0, (folder / "log").read_text()
    return (folder / "log").read_text()


def kill_group(process: "subprocess.Popen[str]", number: int = signal.SIGKILL) -> int:
    os.killpg(process.pid, number)
    return process.wait(60)


def trials(folder: Path, storage: str | None = None, name: str = "tuned") -> list[FrozenTrial]:
    """Of the study; none if there is no study yet."""
    address = storage or f"sqlite:///{folder}/multirun/tuned/study.db"
    if storage is None and not (folder / "multirun/tuned/study.db").exists():
        return []
    try:
        opened = optuna.storages.RDBStorage(address, skip_compatibility_check=True, skip_table_creation=True)
        return optuna.load_study(study_name=name, storage=opened).get_trials()
    except (KeyError, SQLAlchemyError, optuna.exceptions.StorageInternalError):
        return []


def of_state(found: list[FrozenTrial], *states: TrialState) -> list[FrozenTrial]:
    return [trial for trial in found if trial.state in states]


def counted(found: list[FrozenTrial]) -> list[FrozenTrial]:
    return of_state(found, TrialState.COMPLETE, TrialState.PRUNED)


def wait_for_running(folder: Path, n_done: int, storage: str | None = None, n_workers: int = 1) -> FrozenTrial:
    """A trial that is running, once so many are over and so many workers have taken one."""
    found: list[FrozenTrial] = []

    def ready() -> bool:
        every = trials(folder, storage)
        found[:] = [trial for trial in of_state(every, TrialState.RUNNING) if WORKER in trial.user_attrs]
        workers = {trial.user_attrs[WORKER] for trial in every if WORKER in trial.user_attrs}
        return len(counted(every)) >= n_done and len(workers) >= n_workers and bool(found)

    wait_until(ready, seconds=240)
    return found[0]


def pid_of(trial: FrozenTrial) -> int:
    return int(trial.user_attrs[WORKER].split(":")[1])


def assert_complete(found: list[FrozenTrial], total: int) -> None:
    """`total` trials are over, none is open, and whatever was cut off has exactly one repetition with the same parameters."""
    assert len(counted(found)) == total
    assert not of_state(found, TrialState.RUNNING, TrialState.WAITING)
    repeated = [number for trial in counted(found) for number in trial.system_attrs.get("retry_history", [])]
    assert sorted(repeated) == sorted(trial.number for trial in of_state(found, TrialState.FAIL))
    for trial in counted(found):
        for number in trial.system_attrs.get("retry_history", []):
            assert found[number].params == trial.params


def results(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((folder / "multirun/tuned/study/optimization_results.yaml").read_text())
    return loaded
