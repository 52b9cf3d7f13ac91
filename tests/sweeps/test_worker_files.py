"""What a sweep that ended well leaves behind, and what it removes while others still work."""

import multiprocessing
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest
from filelock import FileLock

from fedrec.sweeps import study_storage
from fedrec.sweeps.study_storage import exclusive, open_storage
from fedrec.sweeps.worker_files import remove_worker_files

N_PROCESSES, N_TURNS = 3, 30


def address(folder: Path) -> str:
    return f"sqlite:///{folder}/study.db"


def test_a_sweep_leaves_its_study_and_its_runs(tuned: Path) -> None:
    found = {path.name for path in (tuned / "multirun/tuned").iterdir()}
    runs = {name for name in found if name.startswith("trial_")} | {"as_given", "no_defense", "reference"}
    open_files = {"study.db-shm", "study.db-wal"}  # SQLite's own, because this process still has the study open
    assert runs <= found
    assert found - runs - open_files == {"study.db", "study"}
    assert not list(tuned.rglob("*.lock"))


def test_a_lock_that_is_held_and_files_of_others_stay(tmp_path: Path) -> None:
    held, free, other = (tmp_path / name for name in ("study.db.1.lock", "study.db.2.lock", "other.db.3.lock"))
    other.touch()
    (tmp_path / "worker_0").mkdir()
    (tmp_path / "worker_bees").mkdir()
    with FileLock(free):
        pass
    with FileLock(held):
        remove_worker_files(tmp_path, address(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.db.3.lock", "study.db.1.lock", "worker_bees"]


def count(folder: Path, go: Event) -> None:
    """Count on a file, in a way that two processes at a time would disturb."""
    go.wait()
    for _ in range(N_TURNS):
        with exclusive(address(folder), "count"):
            number = int((folder / "count").read_text())
            time.sleep(0.01)
            (folder / "count").write_text(str(number + 1))


def test_one_process_at_a_time_also_while_the_lock_is_removed(tmp_path: Path) -> None:
    (tmp_path / "count").write_text("0")
    context = multiprocessing.get_context("forkserver")
    go = context.Event()
    processes = [context.Process(target=count, args=(tmp_path, go)) for _ in range(N_PROCESSES)]
    for process in processes:
        process.start()
    go.set()
    while any(process.is_alive() for process in processes):
        remove_worker_files(tmp_path, address(tmp_path))
    assert [process.exitcode for process in processes] == [0] * N_PROCESSES
    assert int((tmp_path / "count").read_text()) == N_PROCESSES * N_TURNS


def test_nothing_is_opened_before_other_processes_are_kept_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite refuses at once, without waiting, to write ahead while another process reads a new file."""

    def keep_out(_address: str, _name: str) -> None:
        assert not list(tmp_path.iterdir())
        raise LookupError

    monkeypatch.setattr(study_storage, "exclusive", keep_out)
    with pytest.raises(LookupError):
        open_storage(address(tmp_path))
    assert not list(tmp_path.iterdir())
