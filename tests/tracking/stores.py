"""What a test reads back from MLflow, and programs that run apart from the tests."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from fedrec.tracking.mlflow.tracker import MLflowTracker
from fedrec.tracking.mlflow.writer_process import WriterProcess
from tests.tracking.runs import wait_until


def stored(folder: Path) -> tuple[MlflowClient, list[Run]]:
    """The runs of the experiment "trial", the latest first."""
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    return client, list(client.search_runs([client.get_experiment_by_name("trial").experiment_id]))


def history(client: MlflowClient, run: Run, metric: str) -> dict[int, float]:
    return {entry.step: entry.value for entry in client.get_metric_history(run.info.run_id, metric)}


def locked(database: Path) -> sqlite3.Connection:
    """Lock an SQLite file until the connection is closed."""
    connection = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN EXCLUSIVE")
    return connection


def process_of(watcher: MLflowTracker) -> WriterProcess:
    assert watcher._writer is not None
    return watcher._writer._writer


def kill(writer: WriterProcess) -> None:
    """Return once the process has ended, without reaping it."""
    os.kill(writer.process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, writer.process.pid, os.WEXITED | os.WNOWAIT)


def run_program(program: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """A Python program with this checkout, in the working directory."""
    root = Path(__file__).parents[2]
    return subprocess.run([sys.executable, "-c", f"import sys; sys.path.insert(0, {str(root)!r})\n{program}"], check=False, **options)


def wait_for_end(pid: int) -> None:
    """Wait for a process that may have lost its parent."""
    status = Path(f"/proc/{pid}/status")
    wait_until(lambda: not status.exists() or "State:\tZ" in status.read_text())
