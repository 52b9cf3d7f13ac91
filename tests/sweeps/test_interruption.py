"""The same command goes on where it stopped, and a worker that dies costs its trial a repetition and nothing else."""

import os
import signal
from pathlib import Path

import pytest

from tests.sweeps.sweeps import (
    GATED,
    ONE,
    assert_complete,
    build_gate,
    counted,
    finish,
    kill_group,
    lives,
    open_gate,
    pid_of,
    results,
    start,
    trials,
    wait_for_running,
)
from tests.tracking.runs import wait_until

pytestmark = pytest.mark.slow
SWEEP = (*GATED, "tracking=none", "hydra.sweeper.n_trials=5")
TWO = "hydra.sweeper.n_jobs=2"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_resume(tmp_path: Path, number: int, status: int) -> None:
    build_gate(tmp_path, 2)
    process = start(tmp_path, *SWEEP, ONE)
    (running,) = wait_for_running(tmp_path, 2)
    assert kill_group(process, number) == status
    if number != signal.SIGKILL:
        assert "the same command continues the study tuned" in (tmp_path / "log").read_text()
    before = counted(trials(tmp_path))
    open_gate(tmp_path)
    finish(start(tmp_path, *SWEEP, ONE), tmp_path)
    after = trials(tmp_path)
    assert_complete(after, 5)
    assert counted(after)[:2] == before
    assert any(running.number in trial.system_attrs.get("retry_history", []) for trial in counted(after))
    assert results(tmp_path)["trials"] == {"complete": 5}


def test_two_commands_share_a_study_and_one_is_killed(tmp_path: Path) -> None:
    build_gate(tmp_path, 1)
    processes = {process.pid: process for process in (start(tmp_path, *SWEEP, ONE) for _ in range(2))}
    victim, _ = wait_for_running(tmp_path, 1, n_workers=2)
    os.kill(pid_of(victim), signal.SIGKILL)
    assert processes.pop(pid_of(victim)).wait(300) == -signal.SIGKILL
    open_gate(tmp_path)
    (survivor,) = processes.values()
    finish(survivor, tmp_path)
    assert_complete(trials(tmp_path), 5)
    assert len({pid_of(trial) for trial in trials(tmp_path)}) == 2


def test_a_worker_of_a_command_is_killed(tmp_path: Path) -> None:
    """The pool of processes breaks, and the sweep makes another one."""
    build_gate(tmp_path, 1)
    process = start(tmp_path, *SWEEP, TWO)
    victim, _ = wait_for_running(tmp_path, 1, n_workers=2)
    assert pid_of(victim) != process.pid
    os.kill(pid_of(victim), signal.SIGKILL)
    open_gate(tmp_path)
    assert "a worker ended early" in finish(process, tmp_path)
    assert_complete(trials(tmp_path), 5)


def test_workers_end_with_their_command(tmp_path: Path) -> None:
    """Also if the command alone is killed; what its workers have begun is repeated."""
    build_gate(tmp_path, 1)
    process = start(tmp_path, *SWEEP, TWO)
    running = wait_for_running(tmp_path, 1, n_workers=2)
    process.kill()
    process.wait(300)
    wait_until(lambda: not any(lives(pid_of(trial)) for trial in running))
    open_gate(tmp_path)
    finish(start(tmp_path, *SWEEP, TWO), tmp_path)
    assert_complete(trials(tmp_path), 5)


def test_ctrl_c_ends_all_workers_of_a_command(tmp_path: Path) -> None:
    build_gate(tmp_path, 1)
    process = start(tmp_path, *SWEEP, TWO)
    running = wait_for_running(tmp_path, 1, n_workers=2)
    assert kill_group(process, signal.SIGINT) == 130
    assert "the same command continues the study tuned" in (tmp_path / "log").read_text()
    wait_until(lambda: not any(lives(pid_of(trial)) for trial in running))
    open_gate(tmp_path)
    finish(start(tmp_path, *SWEEP, TWO), tmp_path)
    assert_complete(trials(tmp_path), 5)
