"""What main.log of a run holds, and what the terminal shows of it."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.program import TINY, Ended


def test_a_sweep_warns_once_and_every_log_has_it(program: Callable[..., Ended], tmp_path: Path) -> None:
    """Another sweep of this process warns again."""
    for _ in range(2):
        ended = program("-m", *TINY, "seed=1,2")
        assert ended.returncode == 0
        assert [line.partition(" of ")[0] for line in ended.stdout.splitlines() if "warning" in line] == ["job 0: warning: HR@K: 40"]
    logs = [path.read_text() for path in tmp_path.rglob("main.log")]
    assert len(logs) == 4 and all("[WARNING] - HR@K: 40 of 40 users" in text for text in logs)


def test_the_log_of_a_failed_run_has_the_reason_or_the_traceback(
    program: Callable[..., Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert program(*TINY, "attack=pieck_uea", "attack.N=70").returncode == 2

    def fail(*arguments: object) -> None:
        raise RuntimeError("a mistake of password=hidden")

    monkeypatch.setattr("fedrec.conduct.choose_targets", fail)
    assert program(*TINY).returncode == 1
    bad, failed = (path.read_text() for path in sorted(tmp_path.rglob("main.log")))
    assert bad.rstrip().endswith("[ERROR] - attack.N = 70: at most 59 of the 60 items can be mined") and "Traceback" not in bad
    assert failed.rstrip().endswith("RuntimeError: a mistake of password=***") and "Traceback" in failed


def test_only_the_log_of_the_run_gets_its_lines(program: Callable[..., Ended], tmp_path: Path) -> None:
    """A program that starts runs may have a log file of its own."""
    root, own = logging.getLogger(), logging.FileHandler(tmp_path / "own.log")
    try:
        for kind in ("default", "stdout", "none"):
            root.addHandler(own)  # all but `none` remove it
            assert program(*TINY, f"hydra/job_logging={kind}", f"hydra/hydra_logging={kind.replace('stdout', 'default')}").returncode == 0
    finally:
        root.removeHandler(own)
        own.close()
    (log,) = tmp_path.rglob("main.log")
    assert "round 3/3" in log.read_text()
    assert "HR@K: 40 of 40" in (tmp_path / "own.log").read_text() and "round 3/3" not in (tmp_path / "own.log").read_text()
