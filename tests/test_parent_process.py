"""A process that lost its parent ends by itself, whatever it waits for."""

import os
import signal
import subprocess
import sys

import pytest

from fedrec import parent_process
from fedrec.parent_process import EndWithParent
from tests.tracking.stores import run_program, wait_for_end

# The child waits for ever in a write to a pipe that nobody reads, as a worker does whose parent is gone.
CHILD = """
import os
from fedrec.parent_process import EndWithParent
EndWithParent(int(os.environ["PARENT"]))()
print(flush=True)
os.write(os.pipe()[1], bytes(10_000_000))
"""
PARENT = f"""
import os, signal, subprocess
environment = {{**os.environ, "PARENT": str(os.getpid()), "PYTHONPATH": sys.path[0]}}
child = subprocess.Popen([sys.executable, "-c", {CHILD!r}], env=environment, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_process_that_is_blocked_ends_with_its_parent() -> None:
    killed = run_program(PARENT, stdout=subprocess.PIPE, text=True)
    assert killed.returncode == -signal.SIGKILL
    wait_for_end(int(killed.stdout))


@pytest.mark.parametrize(("parents", "expected"), [([7, 7, 1], ["0.5", "0.5", "9.0", "exit 1"]), ([1], ["0.0", "exit 1"])])
def test_it_lives_as_long_as_its_parent_and_the_grace_after_that(
    monkeypatch: pytest.MonkeyPatch, parents: list[int], expected: list[str]
) -> None:
    """One whose parent was gone before it began has no grace."""
    seen, told = [], iter(parents)
    monkeypatch.setattr(os, "getppid", lambda: next(told))
    monkeypatch.setattr(parent_process.time, "sleep", lambda seconds: seen.append(str(seconds)))
    monkeypatch.setattr(os, "_exit", lambda status: seen.append(f"exit {status}"))
    EndWithParent(7, grace=9.0)._watch()
    assert seen == expected
