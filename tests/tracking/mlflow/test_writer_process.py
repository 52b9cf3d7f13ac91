"""One writer serves one run after another, and no run feels the one before it."""

import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from fedrec.tracking.mlflow import writer_process
from fedrec.tracking.mlflow import tracker as mlflow_tracker
from fedrec.tracking.mlflow.tracker import MLflowTracker
from tests.tracking.runs import SUMMARY, info, play, tracker, wait_until
from tests.tracking.stores import history, run_program, stored, wait_for_end

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture(autouse=True)
def working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setattr(mlflow_tracker, "_RETRY_SECONDS", 0.2)


def pid_of(watcher: MLflowTracker) -> int:
    assert watcher._writer is not None
    return watcher._writer._writer.process.pid


def whole_run(folder: Path, n_rounds: int = 6) -> int:
    """A run that arrives; return its writer's process id."""
    watcher = tracker()
    play(watcher, folder, n_rounds)
    answer = watcher.on_run_end("FINISHED", SUMMARY)
    client, (run, *_) = stored(Path.cwd())
    assert answer["mlflow_run_id"] == run.info.run_id
    assert run.info.status == "FINISHED"
    assert history(client, run, "loss") == {round: 1 / round for round in range(1, n_rounds + 1)}
    assert history(client, run, "best/ER_at_10") == {n_rounds: 0.875}
    assert list(folder.iterdir()) == []
    return pid_of(watcher)


def test_runs_one_after_another_have_one_writer(tmp_path: Path) -> None:
    assert whole_run(tmp_path / "first", 6) == whole_run(tmp_path / "second", 3) == whole_run(tmp_path / "third", 4)
    _, runs = stored(tmp_path)
    artifacts = [tmp_path / "mlartifacts" / "trial" / run.info.run_id / "artifacts" / "delta_norm" for run in runs]
    tables = [sorted(int(path.stem[6:]) for path in folder.glob("round_*.parquet")) for folder in artifacts]
    assert tables == [[2, 4], [2, 3], [2, 4, 6]]  # latest first


def test_a_writer_that_was_killed_between_two_runs(tmp_path: Path) -> None:
    killed = whole_run(tmp_path / "first")
    os.kill(killed, signal.SIGKILL)
    os.waitid(os.P_PID, killed, os.WEXITED | os.WNOWAIT)
    second = whole_run(tmp_path / "second")
    assert second != killed
    assert whole_run(tmp_path / "third") == second


@pytest.mark.parametrize(("blow", "told"), [("SIGKILL", "its writer ended with status -9: no message"), ("SIGSTOP", "no answer for 1 s")])
def test_a_writer_that_fails_during_a_run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, blow: str, told: str
) -> None:
    """It serves no other, and its last words are of this run."""
    earlier = tracker()
    earlier.on_run_start(info(tmp_path / "first"))
    assert earlier._writer is not None
    os.write(earlier._writer._writer._log.fileno(), b"words of an earlier run\n")
    wait_until(lambda: earlier._writer.run_id)
    earlier.on_run_end("FINISHED", {})
    watcher = tracker()
    watcher.on_run_start(info(tmp_path / "second"))
    assert pid_of(watcher) == pid_of(earlier)
    os.kill(pid_of(watcher), getattr(signal, blow))
    with monkeypatch.context() as hurry:
        hurry.setattr(mlflow_tracker, "_SILENCE_SECONDS", 1.0)
        assert watcher.on_run_end("FINISHED", SUMMARY)["mlflow_run_id"] is None
    assert f"did not take the run ({told})" in capfd.readouterr().err
    assert whole_run(tmp_path / "third") != pid_of(watcher)


def test_a_store_that_fails_is_no_trouble_of_the_next_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.db").write_text("no database " * 1000)
    watcher = tracker(uri="sqlite:///bad.db")
    play(watcher, tmp_path / "first")
    assert watcher.on_run_end("FINISHED", SUMMARY)["mlflow_run_id"] is None
    assert "file is not a database" in capfd.readouterr().err
    assert whole_run(tmp_path / "second") == pid_of(watcher)
    assert "fedrec: MLflow" not in capfd.readouterr().err
    assert len(list((tmp_path / "first" / "tracking" / "delta_norm").iterdir())) == 3


def test_another_store_in_the_same_place(tmp_path: Path) -> None:
    first = whole_run(tmp_path / "first")
    (tmp_path / "mlflow.db").rename(tmp_path / "old.db")
    later = tracker()
    play(later, tmp_path / "second")
    answer = later.on_run_end("FINISHED", SUMMARY)
    assert pid_of(later) == first
    listed = "import sqlite3; print(sqlite3.connect('mlflow.db').execute('SELECT run_uuid FROM runs').fetchall())"
    assert run_program(listed, capture_output=True, text=True).stdout.strip() == str([(answer["mlflow_run_id"],)])


def test_every_run_has_its_own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For instance the second one the right password."""
    seen = []

    class Doorkeeper(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers["Authorization"])
            self.send_error(401)

        def log_message(self, *_: object) -> None:
            pass

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    pids = set()
    with HTTPServer(("127.0.0.1", 0), Doorkeeper) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for token in ("one", "two"):
            monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", token)
            watcher = tracker(uri=f"http://127.0.0.1:{server.server_port}")
            watcher.on_run_start(info(tmp_path / token))
            watcher.on_run_end("FINISHED", {})
            pids.add(pid_of(watcher))
        server.shutdown()
    assert len(pids) == 1
    assert list(dict.fromkeys(seen)) == ["Bearer one", "Bearer two"]


@linux
def test_every_run_is_nice_in_the_background_only(tmp_path: Path) -> None:
    """Ten more than the process, in the second run as well."""
    before = os.nice(0)
    for number in range(2):
        watcher = tracker()
        watcher.on_run_start(info(tmp_path / str(number)))
        wait_until(lambda watcher=watcher: watcher._writer.run_id)
        pid = pid_of(watcher)
        tasks = [int(path.name) for path in Path(f"/proc/{pid}/task").iterdir()]
        assert os.getpriority(os.PRIO_PROCESS, pid) == before
        assert {os.getpriority(os.PRIO_PROCESS, task) for task in tasks} == {before, min(before + 10, 19)}
        watcher.on_run_end("FINISHED", {})


def test_of_two_runs_at_the_same_time_one_writer_is_kept(tmp_path: Path) -> None:
    first, second = tracker(), tracker()
    first.on_run_start(info(tmp_path / "first"))
    second.on_run_start(info(tmp_path / "second"))
    answers = [watcher.on_run_end("FINISHED", {}) for watcher in (first, second)]
    assert None not in [answer["mlflow_run_id"] for answer in answers]
    assert [writer.process.pid for writer in writer_process._idle] == [pid_of(first)]
    with pytest.raises(ProcessLookupError):
        os.kill(pid_of(second), 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
def test_a_fork_does_not_share_the_writer_of_its_parent(tmp_path: Path) -> None:
    writer = whole_run(tmp_path / "first")
    assert writer_process._idle
    child = os.fork()
    if child == 0:
        writer_process._stop_idle()
        os._exit(len(writer_process._idle))
    assert os.waitpid(child, 0)[1] == 0
    assert whole_run(tmp_path / "second") == writer


@linux
def test_killed_in_its_second_run(tmp_path: Path) -> None:
    program = """
import os, signal
from pathlib import Path
from typing import Any
from tests.tracking.runs import play, tracker, wait_until
for name in ("first", "second"):
    watcher = tracker(snapshot_every=None)
    play(watcher, Path(name))
    print(watcher._writer._writer.process.pid, flush=True)
    if name == "first":
        watcher.on_run_end("FINISHED", {})
wait_until(lambda: "\\n6,HR@10," in Path("second/tracking/metrics.csv").read_text())
os.kill(os.getpid(), signal.SIGKILL)
"""
    first, second = map(int, run_program(program, stdout=-1, text=True).stdout.split())
    assert first == second
    wait_for_end(second)
    client, runs = stored(tmp_path)
    assert [run.info.status for run in runs] == ["KILLED", "FINISHED"]
    assert history(client, runs[0], "ER_at_10") == {2: 0.25, 4: 0.5, 6: 0.75}


@linux
@pytest.mark.parametrize(
    "program",
    [
        "from fedrec.tracking.mlflow import writer_process as w; w.start_early(); w.start_early(); (one,) = w._idle; print(one.process.pid)",
        """
from pathlib import Path
from tests.tracking.runs import info, tracker
watcher = tracker()
watcher.on_run_start(info(Path("run")))
watcher.on_run_end("FINISHED", {})
print(watcher._writer._writer.process.pid)""",
        """
import os, signal
from fedrec.tracking.mlflow import writer_process as w
w.start_early()
print(w._idle[0].process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)""",
    ],
    ids=["started early, no run", "after its run", "killed"],
)
def test_an_writer_process_ends_with_its_program(program: str) -> None:
    """Two early starts are one."""
    wait_for_end(int(run_program(program, capture_output=True, text=True, timeout=60).stdout))
