"""Runs that are killed, and runs that share the writer process: none feels the one before it."""

import contextlib
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from fedrec.tracking.mlflow import tracker as mlflow_tracker
from fedrec.tracking.mlflow.writer_process import acquire, release
from tests.tracking.runs import info, tracker, wait_until
from tests.tracking.stores import history, locked, process_of, run_program, stored, wait_for_end

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@linux
@pytest.mark.parametrize("n_runs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_run_that_is_killed_ends_as_killed_with_its_metrics(tmp_path: Path, n_runs: int) -> None:
    """It is the first run of its writer, or the second."""
    program = f"""
import os, signal, sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any
from fedrec.tracking.mlflow import writer_process
from tests.tracking.runs import play, tracker, wait_until
writer_process._GRACE_SECONDS = 600  # whatever the machine
for number in range({n_runs}):
    watcher = tracker(snapshot_every=None)
    play(watcher, Path(str(number)), n_rounds=1500)
    if number < {n_runs - 1}:
        watcher.on_run_end("FINISHED", {{}})
print(watcher._writer._writer.process.pid, flush=True)
wait_until(lambda: "\\n1500,HR@10," in Path("{n_runs - 1}/tracking/metrics.csv").read_text())

def begun():
    with suppress(sqlite3.OperationalError):
        return sqlite3.connect("file:mlflow.db?mode=ro", uri=True).execute("SELECT COUNT(*) FROM runs").fetchone() == ({n_runs},)

wait_until(begun)  # a writer that never saw this process would leave the run to the next one
os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = run_program(program, stdout=-1, text=True)
    assert killed.returncode == -9
    wait_for_end(int(killed.stdout))
    client, runs = stored(tmp_path)
    assert [run.info.status for run in runs] == ["KILLED", "FINISHED"][:n_runs]
    assert len(client.get_metric_history(runs[0].info.run_id, "loss")) == 1500
    assert len(client.get_metric_history(runs[0].info.run_id, "ER_at_10")) == 750


@linux
def test_a_writer_that_cannot_deliver_does_not_outlive_its_run_for_long(tmp_path: Path) -> None:
    """The store stays locked. What the run has left is delivered later."""
    lock = locked(tmp_path / "mlflow.db")
    program = """
import os, signal
from pathlib import Path
from typing import Any
from fedrec.tracking.mlflow import writer_process
from tests.tracking.runs import play, tracker
writer_process._GRACE_SECONDS = 0.1
watcher = tracker()
play(watcher, Path("run"))
print(watcher._writer._writer.process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    with contextlib.closing(lock):
        wait_for_end(int(run_program(program, stdout=-1, text=True).stdout))
    assert (tmp_path / "run/tracking/run.json").exists()


def test_every_run_has_its_own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For instance the second run has the right password."""
    seen = []

    class Doorkeeper(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers["Authorization"])
            self.send_error(401)

        def log_message(self, *_: object) -> None:
            pass

    monkeypatch.setattr(mlflow_tracker, "_RETRY_SECONDS", 0.0)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    pids = set()
    with HTTPServer(("127.0.0.1", 0), Doorkeeper) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for token in ("one", "two"):
            monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", token)
            watcher = tracker(uri=f"http://127.0.0.1:{server.server_port}")
            watcher.on_run_start(info(tmp_path / token))
            watcher.on_run_end("FINISHED", {})
            pids.add(process_of(watcher).process.pid)
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
        pid = process_of(watcher).process.pid
        tasks = [int(path.name) for path in Path(f"/proc/{pid}/task").iterdir()]
        assert os.getpriority(os.PRIO_PROCESS, pid) == before
        assert {os.getpriority(os.PRIO_PROCESS, task) for task in tasks} == {before, min(before + 10, 19)}
        watcher.on_run_end("FINISHED", {})


@linux
def test_a_writer_imports_at_full_priority() -> None:
    """On a busy machine a run would else wait for an import that nobody lets run."""
    writer = acquire()
    writer.start({**tracker()._address.describe("trial"), "wanted": "check", "arguments": {}})
    assert writer.answers.readline() == b'{"answer": ""}\n'
    tasks = [int(path.name) for path in Path(f"/proc/{writer.process.pid}/task").iterdir()]
    assert {os.getpriority(os.PRIO_PROCESS, task) for task in tasks} == {os.nice(0)}
    release(writer)


def test_requests_come_between_runs(tmp_path: Path) -> None:
    """A sweep, for instance, makes its own run first."""
    watcher = tracker()
    watcher.on_run_start(info(tmp_path / "run"))
    watcher.on_run_end("FINISHED", {})
    writer = process_of(watcher)
    request = {
        **watcher._address.describe("trial"),
        "wanted": "setup",
        "arguments": {"key": "k", "run_name": "sweep", "tags": {}, "started": None},
    }
    writer.start(request)
    answer = writer.answers.readline().decode()
    _, (sweep, run) = stored(tmp_path)
    assert sweep.info.run_id in answer
    assert run.info.status == "FINISHED"
    later = tracker()
    later.on_run_start(info(tmp_path / "later"))
    assert later.on_run_end("FINISHED", {})["mlflow_run_id"]
    assert process_of(later) is writer
    assert history(stored(tmp_path)[0], run, "loss") == {}
