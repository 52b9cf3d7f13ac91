"""Writers are kept for the next run: one of them, if it lives, and never longer than the program."""

import os
import sys

import pytest

from fedrec.tracking.mlflow import writer_process
from fedrec.tracking.mlflow.writer_process import acquire, release
from tests.tracking.stores import kill, run_program, wait_for_end

EARLY = """
import os, signal
from fedrec.tracking.mlflow import writer_process as w
w.start_early()
w.start_early()  # two early starts are one
(writer,) = w._idle
print(writer.process.pid, flush=True)
"""
AFTER_ITS_RUN = """
from pathlib import Path
from typing import Any
from tests.tracking.runs import info, tracker
watcher = tracker()
watcher.on_run_start(info(Path("run")))
watcher.on_run_end("FINISHED", {})
print(watcher._writer._writer.process.pid)
"""


def test_a_writer_that_was_killed_is_replaced() -> None:
    first = acquire()
    release(first)
    kill(first)
    second = acquire()
    assert second is not first
    release(second)
    assert acquire() is second
    release(second)


def test_of_two_writers_one_is_kept() -> None:
    first, second = acquire(), acquire()
    release(first)
    release(second)
    assert writer_process._idle == [first]
    with pytest.raises(ProcessLookupError):
        os.kill(second.process.pid, 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
def test_a_fork_does_not_share_the_writer_of_its_parent() -> None:
    writer = acquire()
    release(writer)
    child = os.fork()
    if child == 0:
        writer_process._stop_idle()
        os._exit(len(writer_process._idle))
    assert os.waitpid(child, 0)[1] == 0
    assert acquire() is writer
    assert writer.process.poll() is None
    release(writer)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    "program",
    [
        EARLY,
        pytest.param(EARLY + "os.kill(os.getpid(), signal.SIGKILL)", marks=pytest.mark.slow),
        pytest.param(AFTER_ITS_RUN, marks=pytest.mark.slow),
    ],
    ids=["started early, no run", "killed", "after its run"],
)
def test_an_idle_writer_ends_with_its_program(program: str) -> None:
    wait_for_end(int(run_program(program, capture_output=True, text=True).stdout))


@pytest.mark.slow
def test_a_writer_imports_neither_torch_nor_hydra() -> None:
    """Both would cost every run a second of the time of a processor."""
    program = "import sys, fedrec.tracking.mlflow.answers, fedrec.tracking.mlflow.delivery; print({'torch', 'hydra'} & set(sys.modules))"
    assert run_program(program, capture_output=True, text=True).stdout.strip() == "set()"
