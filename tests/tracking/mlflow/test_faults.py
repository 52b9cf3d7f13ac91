"""Disks that are full and stores that are away for a while: nothing is lost, nothing is reported as complete that is not."""

import contextlib
import os
import resource
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg
import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from fedrec.interfaces import Evaluation
from fedrec.tracking import deliver
from fedrec.tracking.mlflow import tracker as mlflow_tracker
from fedrec.tracking.mlflow import writer_client
from fedrec.tracking.mlflow.tracker import MLflowTracker
from fedrec.tracking.mlflow.writer_client import WriterClient, lost_stores
from tests.cli.program import COMMAND, ENVIRONMENT, TINY
from tests.sweeps.postgresql import controlled, free_port
from tests.tracking.runs import SUMMARY, info, left_in, result, tracker, wait_until
from tests.tracking.stores import locked, process_of, wait_for_end

N_ROUNDS = 2000
linux = pytest.mark.skipif(sys.platform != "linux", reason="limits another process, or reads /proc")


@pytest.fixture(autouse=True)
def little_patience(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(mlflow_tracker, "_RETRY_SECONDS", 0.5)
    yield
    lost_stores.clear()


def begin(folder: Path, uri: str = "sqlite:///mlflow.db") -> MLflowTracker:
    """A run after the first half of its rounds."""
    watcher = tracker(uri=uri, snapshot_every=None)
    watcher.on_run_start(info(folder, N_ROUNDS))
    for round in range(1, N_ROUNDS // 2 + 1):
        watcher.on_round_end(result(round))
    return watcher


def end(watcher: MLflowTracker) -> str | None:
    """The second half of a run. Return the id that MLflow has given it, if MLflow has all of it."""
    for round in range(N_ROUNDS // 2 + 1, N_ROUNDS + 1):
        watcher.on_round_end(result(round))
    watcher.on_evaluation(Evaluation(N_ROUNDS, N_ROUNDS // 2, {"ER@10": 0.5}))
    found: str | None = watcher.on_run_end("FINISHED", SUMMARY)["mlflow_run_id"]
    return found


def local(folder: Path) -> str:
    """The whole address, because MLflow's client keeps what it has opened by its address."""
    return f"sqlite:///{folder}/mlflow.db"


def runs(uri: str) -> tuple[MlflowClient, list[Run]]:
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("trial")
    return client, list(client.search_runs([experiment.experiment_id])) if experiment else []


def assert_whole(uri: str) -> None:
    """Check that the only run of the store has everything, and everything once."""
    client, (run,) = runs(uri)
    assert (run.info.status, run.data.tags["delivery"]) == ("FINISHED", "complete")
    for name, n_values in (("loss", N_ROUNDS), ("uploads", N_ROUNDS), ("seconds_training", N_ROUNDS // 2), ("ER_at_10", 1)):
        assert len(client.get_metric_history(run.info.run_id, name)) == n_values
    assert run.data.metrics["best/ER_at_10"] == 0.875
    names = {file.path for file in client.list_artifacts(run.info.run_id, "delta_norm")}
    assert names >= {"delta_norm/fig4.png", "delta_norm/round_0002.parquet", f"delta_norm/round_{N_ROUNDS}.parquet"}


def assert_delivered_later(folder: Path, uri: str) -> None:
    """Check that the command brings the rest, once."""
    assert deliver.main([str(folder)]) == 0
    assert_whole(uri)
    assert deliver.main([str(folder)]) == 0
    assert_whole(uri)
    assert not left_in(folder)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_the_disk_of_the_run_is_full_and_the_store_has_room(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    watcher = begin(tmp_path / "run")
    watcher._files._file = Path("/dev/full").open("ab", buffering=0)  # noqa: SIM115
    assert end(watcher) is not None
    assert_whole(local(tmp_path))
    assert "did not take" not in capfd.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_neither_the_disk_of_the_run_nor_the_store_takes_anything(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Then metrics are lost, and the run is not FINISHED in MLflow whatever is delivered later."""
    lock = locked(tmp_path / "mlflow.db")
    watcher = begin(tmp_path / "run")
    watcher._files._file = Path("/dev/full").open("ab", buffering=0)  # noqa: SIM115
    assert end(watcher) is None
    lock.close()
    assert "the disk did not take some metrics of this run: [Errno 28] No space left on device" in capfd.readouterr().err
    assert deliver.main(["run"]) == 0
    _, (run,) = runs(local(tmp_path))
    assert run.info.status == "FAILED"
    assert run.data.tags["delivery"].startswith("incomplete: the disk of the run did not take its last metrics")


@pytest.mark.slow
@linux
def test_the_disk_of_the_store_is_full(tmp_path: Path) -> None:
    """The store takes some metrics of a run and then no more. MLflow must not call the run FINISHED."""
    watcher = begin(tmp_path / "run")
    wait_until(lambda: watcher._writer and watcher._writer.run_id)
    most = (tmp_path / "mlflow.db").stat().st_size + 50_000
    resource.prlimit(process_of(watcher).process.pid, resource.RLIMIT_FSIZE, (most, most))
    assert end(watcher) is None
    client, (run,) = runs(local(tmp_path))
    assert len(client.get_metric_history(run.info.run_id, "loss")) < N_ROUNDS
    assert run.info.status in ("FAILED", "RUNNING")
    assert run.data.tags["delivery"].startswith("incomplete: python -m fedrec.tracking.deliver")
    assert_delivered_later(tmp_path / "run", local(tmp_path))


@pytest.mark.slow
def test_a_store_that_is_locked_for_five_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow_tracker, "_RETRY_SECONDS", 300.0)
    watcher = begin(tmp_path / "run")
    wait_until(lambda: watcher._writer and watcher._writer.run_id)
    lock = locked(tmp_path / "mlflow.db")
    threading.Timer(5, lock.close).start()
    assert end(watcher) is not None
    assert_whole(local(tmp_path))


def test_a_store_that_is_locked_for_longer_than_the_end_of_a_run_waits(tmp_path: Path) -> None:
    """As one is that is locked for a minute, since a run waits for half a minute."""
    lock = locked(tmp_path / "mlflow.db")
    assert end(begin(tmp_path / "run")) is None
    lock.close()
    assert_delivered_later(tmp_path / "run", local(tmp_path))


def outages(folder: Path, uri: str, stop: Callable[[], None], start: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Check a run whose server is away in its middle, then one whose server is away from its middle to its end."""
    with monkeypatch.context() as patch:
        patch.setattr(mlflow_tracker, "_RETRY_SECONDS", 300.0)
        watcher = begin(folder / "first", uri)
        wait_until(lambda: watcher._writer and watcher._writer.run_id)
        stop()
        watcher.on_round_end(result(N_ROUNDS + 1))
        wait_until(lambda: watcher._writer and watcher._writer._trouble)
        start()
        run_id = end(watcher)
    assert run_id is not None
    client = MlflowClient(uri)
    assert len(client.get_metric_history(run_id, "loss")) == N_ROUNDS + 1
    client.delete_run(run_id)
    watcher = begin(folder / "second", uri)
    wait_until(lambda: watcher._writer and watcher._writer.run_id)
    stop()
    assert end(watcher) is None
    start()
    assert_delivered_later(folder / "second", uri)


@contextlib.contextmanager
def http_server(folder: Path, port: int) -> Iterator[None]:
    """An MLflow server with a store in the folder."""
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{folder}/server.db", "--workers", "1"]
    options = ["--artifacts-destination", str(folder / "served"), "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "log").open("a") as log:
        server = subprocess.Popen([*command, *options], cwd=folder, stdout=log, stderr=log, process_group=0)

    def answers() -> bool:
        assert server.poll() is None, (folder / "log").read_text()
        with contextlib.suppress(OSError):
            return bool(urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=10).status == 200)
        return False

    try:
        wait_until(answers)
        yield
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


@pytest.mark.slow
def test_an_http_server_that_dies_and_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port, server = free_port(), contextlib.ExitStack()
    with server:
        server.enter_context(http_server(tmp_path, port))
        outages(
            tmp_path,
            f"http://127.0.0.1:{port}",
            stop=server.close,
            start=lambda: server.enter_context(http_server(tmp_path, port)),
            monkeypatch=monkeypatch,
        )


@pytest.mark.slow
def test_postgresql_that_is_restarted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with controlled() as (address, control):
        with psycopg.connect(f"{address.replace('+psycopg', '')}/postgres", autocommit=True) as connection:
            connection.execute("CREATE DATABASE runs")
        outages(tmp_path, f"{address}/runs", lambda: control("stop"), lambda: control("start"), monkeypatch)


@pytest.mark.slow
def test_a_store_that_was_lost_is_not_waited_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first run of a sweep waits for the store; the next ones do not, and once it is back they do."""
    waited: list[float] = []
    wait = WriterClient._wait

    def remember(self: WriterClient, ending: object, unwritten: object, silence: float) -> str:
        waited.append(silence)
        return wait(self, ending, unwritten, silence)  # type: ignore[arg-type]

    monkeypatch.setattr(WriterClient, "_wait", remember)
    lock = locked(tmp_path / "mlflow.db")
    for number in range(3):
        assert end(begin(tmp_path / str(number))) is None
    lock.close()
    watcher = begin(tmp_path / "back")
    wait_until(lambda: watcher._writer and watcher._writer.run_id)
    assert end(watcher) is not None
    lost = writer_client._LOST_SILENCE
    assert waited == [mlflow_tracker._SILENCE_SECONDS, lost, lost, mlflow_tracker._SILENCE_SECONDS]
    assert deliver.main(["."]) == 0
    assert len(runs(local(tmp_path))[1]) == 4


@linux
@pytest.mark.slow
def test_sigterm_ends_the_run_and_its_writer_though_the_server_hangs(tmp_path: Path) -> None:
    """The server answers the check before training, and then nothing more."""
    asked, released = threading.Event(), threading.Event()

    class Hanging(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if asked.is_set():
                released.wait()
            asked.set()
            self.send_response(404)
            self.end_headers()
            self.wfile.write(b'{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such experiment"}')

        def log_message(self, *_: object) -> None:
            pass

    options = (*TINY, "system.epochs=1000000", "evaluation.every=1000000", "tracking=mlflow")
    with ThreadingHTTPServer(("127.0.0.1", 0), Hanging) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        uri = f"http://127.0.0.1:{server.server_port}"
        run = subprocess.Popen(
            [*COMMAND, *options, f"tracking.uri={uri}", "hydra.run.dir=run"],
            cwd=tmp_path,
            env=ENVIRONMENT,
            stderr=subprocess.PIPE,
            text=True,
        )
        metrics = tmp_path / "run" / "tracking" / "metrics.csv"
        wait_until(lambda: metrics.exists() and "loss" in metrics.read_text())
        (writer,) = map(int, Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split())
        run.send_signal(signal.SIGTERM)
        _, errors = run.communicate(timeout=300)
        wait_for_end(writer)
        released.set()
        server.shutdown()
    assert run.returncode == 143
    assert f"To deliver them later: python -m fedrec.tracking.deliver {tmp_path}/run/tracking" in errors
