"""Real processes of Flower: a run that succeeds or fails, the ways to end it, a node that dies, and a node whose key is unknown."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fedrec.flower import process_guard
from tests.cli.program import ENVIRONMENT

pytest.importorskip("flwr", reason="flwr is not installed: pip install 'fedrec[flower]' in an environment of its own")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are found in /proc")]

from fedrec.flower.certificates import make_node_key  # noqa: E402 - needs what flwr brings
from fedrec.flower.launch_arguments import Launch  # noqa: E402
from fedrec.flower.launched_processes import Processes, guarded  # noqa: E402
from fedrec.flower.local_federation import LocalFederation, environment  # noqa: E402
from tests.flower.launched import stub_app  # noqa: E402

COMMAND = (sys.executable, "-m", "tests.flower.launched", "dataset=synthetic", "nodes=2", "folder=out")
SECONDS = 180  # for anything that is waited for


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def launches(folder: Path) -> set[str]:
    """The marks of the launches in a folder of which processes run, whoever is their parent."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            variables = dict(line.partition("=")[::2] for line in path.read_bytes().decode(errors="replace").split("\0"))
        except OSError:
            continue
        if variables.get("FLWR_HOME") == str(folder / "out/flwr"):
            found.add(variables[process_guard.VARIABLE])
    return found


def processes_with(folder: Path, word: str) -> list[int]:
    (mark,) = launches(folder)
    return [number for number in process_guard.marked(mark) if word.encode() in Path(f"/proc/{number}/cmdline").read_bytes()]


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Start a launch whose rounds have no end, and wait for the first."""
    told = folder / "told"
    with told.open("w") as output:
        process = subprocess.Popen([*COMMAND, *arguments], cwd=folder, env=ENVIRONMENT, stdout=output, stderr=output, text=True)
    try:
        wait_until(lambda: "round 0: partitions [0, 1]" in told.read_text() or process.poll() is not None)
        assert process.poll() is None, told.read_text()
        yield process
    finally:
        process.terminate()
        process.wait(SECONDS)


@pytest.mark.parametrize(("rounds", "status"), [(2, 0), (1, 1)])
def test_the_exit_status_is_that_of_the_run(tmp_path: Path, rounds: int, status: int) -> None:
    ended = subprocess.run([*COMMAND, f"seed={rounds}"], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=SECONDS)
    assert ended.returncode == status, ended.stdout + ended.stderr
    assert [line for line in ended.stdout.splitlines() if line.startswith("round ")] == [
        f"round {number}: partitions [0, 1]" for number in range(rounds)
    ]
    failed = "error: the run ended as finished:failed: ServerApp failed with exception: an odd number of rounds"
    assert [line.partition(";")[0] for line in ended.stderr.splitlines()] == [failed] * status
    assert {path.name for path in (tmp_path / "out/logs").iterdir()} == {"superlink.log", "node_0.log", "node_1.log", "run.log"}
    assert {path.name for path in (tmp_path / "out/nodes").iterdir()} == {"0", "1"}
    assert not launches(tmp_path)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)])
def test_nothing_is_left_over(tmp_path: Path, number: signal.Signals, status: int) -> None:
    with running(tmp_path) as process:
        assert len(processes_with(tmp_path, "flower-supernode")) == 2
        process.send_signal(number)
        assert process.wait(SECONDS) == status
        wait_until(lambda: not launches(tmp_path))  # the guard of a killed launcher needs a moment


def test_a_folder_has_one_launch_and_a_dead_node_is_told_but_a_dead_superlink_ends_the_run(tmp_path: Path) -> None:
    with running(tmp_path) as process:
        other = subprocess.run(COMMAND, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=SECONDS)
        assert (other.returncode, other.stderr) == (2, f"error: folder={tmp_path / 'out'}: another federation uses it\n")
        (node,) = processes_with(tmp_path, "partition-id=1")
        os.kill(node, signal.SIGKILL)
        wait_until(lambda: "warning: node_1 ended by SIGKILL: " in (tmp_path / "told").read_text())
        assert process.poll() is None
        (superlink,) = processes_with(tmp_path, "flower-superlink")
        os.kill(superlink, signal.SIGKILL)
        assert process.wait(SECONDS) == 1
        assert "error: superlink ended by SIGKILL: " in (tmp_path / "told").read_text()
        assert not launches(tmp_path)


def test_a_node_whose_key_is_unknown_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", ENVIRONMENT["PYTHONPATH"])
    launch = Launch([], nodes=1, folder=tmp_path / "out", round_timeout=9.0, tls=True)
    with guarded(Processes(launch.folder / "logs", environment(launch.folder))) as processes:
        federation = LocalFederation(launch, processes, stub_app())
        federation.start()
        log = processes.log("node_0")
        wait_until(lambda: "SuperNode ID: " in log.read_text())  # its key is registered
        os.kill(processes.started["node_0"].pid, signal.SIGKILL)
        assert [processes.ended.get(timeout=SECONDS) for _ in range(2)] == ["registration", "node_0"]
        log.write_text("")
        federation.start_node(0, ["--auth-supernode-private-key", make_node_key(tmp_path, "stranger")[0]])
        assert processes.ended.get(timeout=SECONDS) == "node_0"
        assert processes.started["node_0"].returncode > 0
        assert "Failed to activate SuperNode" in log.read_text() and "SuperNode ID: " not in log.read_text()
        assert processes.account("node_0").endswith(": The SuperNode could not establish a connection to the SuperLink.")
    assert not launches(tmp_path)


def test_a_run_over_tls_with_nodes_that_show_who_they_are(tmp_path: Path) -> None:
    command = [*COMMAND, "tls=true", "seed=2"]
    ended = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=SECONDS)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "round 1: partitions [0, 1]" in ended.stdout
    secrets = [*(tmp_path / "out/certificates").glob("*.key")]
    assert len(secrets) == 3 and all(path.stat().st_mode & 0o077 == 0 for path in secrets)
    assert "https://127.0.0.1" in (tmp_path / "out/logs/superlink.log").read_text()
