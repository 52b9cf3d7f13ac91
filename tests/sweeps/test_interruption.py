"""The same command goes on where it stopped, and a worker that dies costs nothing but time."""

import os
import signal
from pathlib import Path

import pytest

from tests.sweeps.sweeps import LONG, SMALL, assert_complete, counted, finish, kill_group, pid_of, results, start, trials, wait_for_running
from tests.tracking.runs import wait_until

SWEEP = (*SMALL, "sweep=defense", "tracking=none", "hydra/sweeper/pruner=none", "sweep.fresh_seeds=1", LONG)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_resume(tmp_path: Path, number: int, status: int) -> None:
    command = (*SWEEP, "hydra.sweeper.n_jobs=1", "hydra.sweeper.n_trials=4")
    process = start(tmp_path, *command)
    running = wait_for_running(tmp_path, 1)
    assert kill_group(process, number) == status
    if number != signal.SIGKILL:
        assert "the same command continues the study tuned" in (tmp_path / "log").read_text()
    before = trials(tmp_path)
    finish(start(tmp_path, *command), tmp_path)
    after = trials(tmp_path)
    assert_complete(after, 4)
    assert [trial.params for trial in counted(after)][: len(counted(before))] == [trial.params for trial in counted(before)]
    assert [trial.values for trial in counted(after)][: len(counted(before))] == [trial.values for trial in counted(before)]
    assert any(running.number in trial.system_attrs.get("retry_history", []) for trial in counted(after))
    assert results(tmp_path)["trials"] == {"complete": 4}


@pytest.mark.slow
def test_two_commands_share_a_study_and_one_is_killed(tmp_path: Path) -> None:
    command = (*SWEEP, "hydra.sweeper.n_jobs=1", "hydra.sweeper.n_trials=10")
    first, second = start(tmp_path, *command), start(tmp_path, *command)
    victim = wait_for_running(tmp_path, 1, n_workers=2)
    os.kill(pid_of(victim), signal.SIGKILL)
    statuses = {first.wait(300), second.wait(300)}
    assert statuses == {0, -9}, (tmp_path / "log").read_text()
    assert_complete(trials(tmp_path), 10)
    assert len({pid_of(trial) for trial in trials(tmp_path)}) == 2


@pytest.mark.slow
def test_a_worker_of_a_command_is_killed(tmp_path: Path) -> None:
    """The pool of processes breaks, and the sweep makes another one."""
    process = start(tmp_path, *SWEEP, "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=5")
    victim = wait_for_running(tmp_path, 1)
    assert pid_of(victim) != process.pid
    os.kill(pid_of(victim), signal.SIGKILL)
    assert "a worker ended early" in finish(process, tmp_path)
    assert_complete(trials(tmp_path), 5)


@pytest.mark.slow
def test_ctrl_c_ends_all_workers_of_a_command(tmp_path: Path) -> None:
    command = (*SWEEP, "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=4")
    process = start(tmp_path, *command)
    running = wait_for_running(tmp_path, 1, n_workers=2)
    assert kill_group(process, signal.SIGINT) == 130
    assert "the same command continues the study tuned" in (tmp_path / "log").read_text()
    wait_until(lambda: not Path(f"/proc/{pid_of(running)}").exists())
    finish(start(tmp_path, *command), tmp_path)
    assert_complete(trials(tmp_path), 4)
