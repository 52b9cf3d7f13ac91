"""Small sweeps: in this process or by the real program, with a gate that stops their runs, and what they leave behind."""

import io
import json
import logging
import os
import signal
import subprocess
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml
from optuna.storages._rdb.models import TrialHeartbeatModel
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from fedrec.main import main
from fedrec.sweeps.repetition import WORKER
from tests.cli.program import COMMAND, ENVIRONMENT
from tests.tracking.runs import wait_until

DATA = ("dataset=synthetic", "dataset.users=60", "dataset.items=80", "dataset.interactions=1200")
SHORT = (*DATA, "system.epochs=4", "evaluation.every=2", "sweep.seeds=1", "sweep.fresh_seeds=1")  # runs of a moment
NAME = "hydra.sweeper.study_name=tuned"  # and so the folder multirun/tuned
ONE = "hydra.sweeper.n_jobs=1"
GATED = (*SHORT, "--config-dir", "mine", "sweep=attack", "attack=gated", "attack.N=range(5,30)", "hydra/sweeper/pruner=none")

GATE = """
import os
import time
from dataclasses import dataclass
from pathlib import Path

from fedrec.attacks.pieck_uea import PieckUEA


@dataclass(kw_only=True)
class Gated(PieckUEA):
    def poison(self, view):
        if not hasattr(self, "number"):
            file = os.open("runs", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(file, b".")
            self.number = os.lseek(file, 0, os.SEEK_CUR)
            os.close(file)
        while not (Path(f"pass_{self.number}").exists() or Path("pass_all").exists()):
            time.sleep(0.02)
            if Path("interrupt").exists():
                Path("interrupt").unlink()
                raise KeyboardInterrupt
        return super().poison(view)
"""


@dataclass(frozen=True)
class Ended:
    """A program that has ended."""

    status: int
    output: str
    errors: str


def sweep(folder: Path, *arguments: str, pictures: bool = False) -> Ended:
    """Run `python -m fedrec.main -m ...` in this process, with `folder` as working directory; pictures take seconds."""
    with pytest.MonkeyPatch.context() as patch:
        if not pictures:
            patch.setattr("fedrec.sweeps.sweep_report.draw", lambda study, names, folder: None)
        return program(folder, "-m", NAME, *arguments)


def program(folder: Path, *arguments: str) -> Ended:
    """Run `python -m fedrec.main ...` in this process."""
    output, errors, root = io.StringIO(), io.StringIO(), logging.getLogger()
    handlers, level, on_sigterm = root.handlers[:], root.level, signal.getsignal(signal.SIGTERM)
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(output), redirect_stderr(errors):
        patch.chdir(folder)
        patch.syspath_prepend(folder)
        patch.setenv("PYTHONPATH", os.environ.get("PYTHONPATH", ""))  # the program sets it; afterwards it is as before
        try:
            status = main(arguments)
        finally:
            signal.signal(signal.SIGTERM, on_sigterm)
            root.handlers[:] = handlers
            root.setLevel(level)
    return Ended(status, output.getvalue(), errors.getvalue())


def start(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start `python -m fedrec.main -m ...` in a process group of its own. Its output goes to the file `log` in the folder."""
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


def finish(process: "subprocess.Popen[str]", folder: Path, storage: str | None = None) -> str:
    """Wait until the program has ended well, and return what it has printed. Meanwhile its study learns at once which workers died."""

    def ended() -> bool:
        bury(folder, storage)
        return process.poll() is not None

    wait_until(ended)
    assert process.returncode == 0, (folder / "log").read_text()
    return (folder / "log").read_text()


def kill_group(process: "subprocess.Popen[str]", number: int = signal.SIGKILL) -> int:
    os.killpg(process.pid, number)
    return process.wait(300)


def build_gate(folder: Path, n_passing: int) -> None:
    """Let the attack `gated` stop every run in this folder but the first ones."""
    (folder / "mine/attack").mkdir(parents=True)
    (folder / "gate.py").write_text(GATE)
    (folder / "mine/attack/gated.yaml").write_text("defaults: [pieck_uea, _self_]\n_target_: gate.Gated\n")
    for number in range(n_passing):
        (folder / f"pass_{number + 1}").touch()


def build_noise(folder: Path) -> tuple[str, ...]:
    """Make the untargeted attack `noise`; return the arguments by which the program finds it."""
    (folder / "own/attack").mkdir(parents=True)
    (folder / "own/attack/noise.yaml").write_text(
        "_target_: tests.references.noise.Noise\nnum_targets: 0\ntargets: random\nstrength: 1.0\n"
    )
    return "--config-dir", "own"


def without_attack(run: dict[str, Any]) -> dict[str, Any]:
    """The summary of the run without the attack that a run was compared with."""
    loaded: dict[str, Any] = json.loads(Path(run["degradation"]["without"]["folder"], "summary.json").read_text())
    return loaded


def open_gate(folder: Path) -> None:
    (folder / "pass_all").touch()


def address(folder: Path) -> str:
    return f"sqlite:///{folder}/multirun/tuned/study.db"


def open_study(folder: Path, storage: str | None = None, name: str = "tuned") -> optuna.Study | None:
    """Return the study, or None if there is none yet."""
    if storage is None and not (folder / "multirun/tuned/study.db").exists():
        return None
    try:
        opened = optuna.storages.RDBStorage(storage or address(folder), skip_compatibility_check=True, skip_table_creation=True)
        return optuna.load_study(study_name=name, storage=opened)
    except (KeyError, SQLAlchemyError, optuna.exceptions.StorageInternalError):
        return None


def trials(folder: Path, storage: str | None = None, name: str = "tuned") -> list[FrozenTrial]:
    """Return the trials of the study; there are none if there is no study yet."""
    study = open_study(folder, storage, name)
    return study.get_trials() if study else []


def silence(storage: Any, *trial_ids: int) -> None:
    """Let the last sign of life of these trials be long ago, so that they count as lost."""
    with storage.scoped_session() as session:
        beats = session.query(TrialHeartbeatModel).filter(TrialHeartbeatModel.trial_id.in_(trial_ids))
        beats.update({TrialHeartbeatModel.heartbeat: datetime(2000, 1, 1)}, synchronize_session=False)
        session.commit()


def bury(folder: Path, storage: str | None = None, name: str = "tuned") -> None:
    """Silence the trials whose worker has died, so that nobody waits until their silence has lasted for long enough."""
    study = open_study(folder, storage, name)
    running = [trial for trial in study.get_trials() if trial.state == TrialState.RUNNING and WORKER in trial.user_attrs] if study else []
    if study and (dead := [trial._trial_id for trial in running if not lives(pid_of(trial))]):
        silence(study._storage._backend, *dead)


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def of_state(found: list[FrozenTrial], *states: TrialState) -> list[FrozenTrial]:
    return [trial for trial in found if trial.state in states]


def counted(found: list[FrozenTrial]) -> list[FrozenTrial]:
    return of_state(found, TrialState.COMPLETE, TrialState.PRUNED)


def wait_for_running(folder: Path, n_done: int, storage: str | None = None, n_workers: int = 1) -> list[FrozenTrial]:
    """Wait until so many trials are over and so many workers run one with parameters, and return those that run."""
    found: list[FrozenTrial] = []

    def ready() -> bool:
        every = trials(folder, storage)
        found[:] = [trial for trial in of_state(every, TrialState.RUNNING) if WORKER in trial.user_attrs and trial.params]
        return len(counted(every)) >= n_done and len({pid_of(trial) for trial in found}) >= n_workers

    wait_until(ready)
    return found


def pid_of(trial: FrozenTrial) -> int:
    return int(trial.user_attrs[WORKER].split(":")[1])


def assert_complete(found: list[FrozenTrial], total: int) -> None:
    """Check that `total` trials are over, none is open, and each one that was cut off has one repetition.

    It has the same parameters, unless the first try was cut off before it had any.
    """
    assert len(counted(found)) == total
    assert not of_state(found, TrialState.RUNNING, TrialState.WAITING)
    repeated = [number for trial in counted(found) for number in trial.system_attrs.get("retry_history", [])]
    assert sorted(repeated) == sorted(trial.number for trial in of_state(found, TrialState.FAIL))
    for trial in counted(found):
        for number in trial.system_attrs.get("retry_history", []):
            assert found[number].params in ({}, trial.params)


def results(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((folder / "multirun/tuned/study/optimization_results.yaml").read_text())
    return loaded


def summary(folder: Path, name: str) -> dict[str, Any]:
    """Return the summary of a run of the sweep."""
    loaded: dict[str, Any] = json.loads((folder / "multirun/tuned" / name / "summary.json").read_text())
    return loaded


def sweep_with_two_workers(folder: Path, *arguments: str, **environment: str) -> None:
    """Run a whole sweep by the real program. No trial ends before both workers have one."""
    build_gate(folder, 0)
    process = start(folder, *GATED, "tracking=none", "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=4", *arguments, **environment)
    wait_for_running(folder, 0, n_workers=2)
    open_gate(folder)
    finish(process, folder)
    assert_complete(trials(folder), 4)
