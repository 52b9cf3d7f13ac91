"""Threads on a busy machine, and on one that allows less than all of its cores."""

import os
import sys
from pathlib import Path

import pytest

from fedrec.config import threads
from fedrec.config.threads import crowding, settle_waiting

VARIABLES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """The load of each core, which a test may change; the environment does not say how threads wait."""
    told = {"load": 0.0}
    monkeypatch.setattr(os, "getloadavg", lambda: (told["load"] * (os.cpu_count() or 1), 0.0, 0.0), raising=False)
    for name in VARIABLES:
        monkeypatch.setenv(name, "")  # so that what a test sets is undone
        monkeypatch.delenv(name)
    return told


@pytest.mark.parametrize(("busy", "policy"), [(0.0, None), (0.2, None), (0.5, "passive"), (4.0, "passive")])
def test_threads_sleep_on_a_busy_machine_only(load: dict[str, float], busy: float, policy: str | None) -> None:
    load["load"] = busy
    settle_waiting()
    assert os.environ.get("OMP_WAIT_POLICY") == policy


@pytest.mark.parametrize("name", VARIABLES)
def test_the_user_has_the_last_word(load: dict[str, float], monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    load["load"] = 4.0
    monkeypatch.setenv(name, "300")
    settle_waiting()
    assert {one: os.environ[one] for one in VARIABLES if one in os.environ} == {name: "300"}


def test_several_threads_on_a_busy_machine_hinder_each_other(load: dict[str, float]) -> None:
    load["load"] = 1.5
    assert crowding(2) == "the machine is busy (load 150% of its cores)"
    assert crowding(1) == ""


@pytest.mark.skipif(sys.platform != "linux", reason="control groups are Linux's")
def test_a_quota_below_the_threads(load: dict[str, float], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(threads, "_GROUPS", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2, 3})
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert crowding(4) == "" and crowding(5) == "this process may use 4 cores only"
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    assert crowding(1) == "" and crowding(2) == "this process may use 1.5 cores only"


def test_a_system_that_tells_nothing(load: dict[str, float], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(threads, "_GROUPS", tmp_path)
    monkeypatch.delattr(os, "getloadavg")
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    settle_waiting()
    assert "OMP_WAIT_POLICY" not in os.environ
    assert crowding(os.cpu_count() or 1) == ""
