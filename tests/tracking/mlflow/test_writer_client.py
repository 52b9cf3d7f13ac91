"""A writer that fails during a run: the run ends all the same, and says why MLflow has not got it."""

import os
import signal
from pathlib import Path

import pytest

from fedrec.tracking.mlflow import tracker as mlflow_tracker
from fedrec.tracking.mlflow.writer_process import acquire, release
from tests.tracking.runs import SUMMARY, info, result, tracker
from tests.tracking.stores import process_of


@pytest.mark.parametrize(("blow", "told"), [("SIGKILL", "its writer ended with status -9: no message"), ("SIGSTOP", "no answer for 1 s")])
def test_a_writer_that_fails_during_a_run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, blow: str, told: str
) -> None:
    """It serves no other run, and its last words are of this run."""
    if blow == "SIGSTOP":
        monkeypatch.setattr(mlflow_tracker, "_SILENCE_SECONDS", 1.0)
    writer = acquire()
    os.write(writer._log.fileno(), b"words of an earlier run\n")
    release(writer)
    watcher = tracker()
    watcher.on_run_start(info(tmp_path / "run"))
    assert process_of(watcher) is writer
    os.kill(writer.process.pid, getattr(signal, blow))
    watcher.on_round_end(result(1))
    assert watcher.on_run_end("FINISHED", SUMMARY)["mlflow_run_id"] is None
    assert f"did not take the run ({told})" in capfd.readouterr().err
    assert "1,loss,1.0," in (tmp_path / "run" / "tracking" / "metrics.csv").read_text()
    later = acquire()
    assert later is not writer
    release(later)
