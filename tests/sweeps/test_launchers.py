"""Workers of a sweep by other launchers than joblib: a Ray cluster of two nodes, and the jobs of Slurm without a Slurm."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.sweeps.postgresql import free_port
from tests.sweeps.sweeps import SMALL, assert_complete, counted, finish, pid_of, start, trials

SWEEP = (*SMALL, "sweep=defense", "tracking=none", "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=6", "sweep.fresh_seeds=1")


@pytest.fixture
def two_nodes(tmp_path: Path) -> Iterator[str]:
    """The address of a cluster whose nodes have room for one worker each."""
    address, command = f"127.0.0.1:{free_port()}", (str(Path(sys.executable).with_name("ray")), "start", "--block", "--num-cpus=1")
    environment = {**os.environ, "RAY_DISABLE_IMPORT_WARNING": "1", "RAY_USAGE_STATS_ENABLED": "0"}
    with ExitStack() as stack:
        for role in (("--head", f"--port={address.split(':')[1]}", "--include-dashboard=false"), (f"--address={address}",)):
            log = stack.enter_context((tmp_path / f"ray{role[0]}.log").open("w+"))
            node = subprocess.Popen([*command, *role], env=environment, stdout=log, stderr=log, cwd=tmp_path)
            stack.callback(node.wait, 60)
            stack.callback(node.terminate)
            wait_for(tmp_path / f"ray{role[0]}.log", "Ray runtime started")
        yield address


def wait_for(log: Path, text: str) -> None:
    from tests.tracking.runs import wait_until

    wait_until(lambda: text in log.read_text(), seconds=120)


@pytest.mark.slow
def test_ray_on_two_nodes(tmp_path: Path, two_nodes: str) -> None:
    finish(start(tmp_path, *SWEEP, "hydra/launcher=ray", RAY_ADDRESS=two_nodes), tmp_path)
    found = trials(tmp_path)
    assert_complete(found, 6)
    assert_two_worked_at_once(tmp_path)


@pytest.mark.slow
def test_submitit(tmp_path: Path) -> None:
    finish(start(tmp_path, *SWEEP, "hydra/launcher=submitit_local"), tmp_path)
    assert_complete(trials(tmp_path), 6)
    assert_two_worked_at_once(tmp_path)
    assert list((tmp_path / "multirun/tuned/.submitit").glob("*/*_result.pkl"))


def assert_two_worked_at_once(folder: Path) -> None:
    """Both workers took trials, some at the same time: on the cluster each node has room for one of them only."""
    done = counted(trials(folder))
    assert len({pid_of(trial) for trial in done}) == 2
    assert any(
        one.datetime_start < other.datetime_complete and other.datetime_start < one.datetime_complete
        for one in done
        for other in done
        if pid_of(one) != pid_of(other)
    )
