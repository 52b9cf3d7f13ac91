"""Audits of small data, from the data to the tables; killed at any moment they end in the same tables."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import fedrec
from fedrec.api.kept_data import DATA as KEPT
from fedrec.api.process import alone
from fedrec.auditing.audit_result import COLUMNS, AuditResult
from fedrec.auditing.engine import STORE, conduct_audit, planned
from fedrec.campaigns.store import Store
from fedrec.config.compose import initialized
from fedrec.config.validation import ConfigError
from fedrec.sweeps.study_storage import FILE, locate
from tests.auditing.small_audit import DATA, SHORT, options_of, timeless

pd = pytest.importorskip("pandas")


def purchases() -> "pd.DataFrame":
    """Interactions of 40 users with 60 items, which have names that a command line must quote."""
    pairs = [(user, (7 * user + 3 * place) % 60) for user in range(40) for place in range(12)]
    return pd.DataFrame({"user": [f"u{user}" for user, _ in pairs], "item": [f"it's, [{item}]" for _, item in pairs]})


@pytest.mark.slow
def test_a_data_frame_is_audited(tmp_path):
    """In this process, with every option of a first look."""
    frame, options = purchases(), options_of(tmp_path, workers=1, attacks=["popular"], defenses=[], levels=[0.5], seeds=1, quick=True)
    with initialized():
        plan = planned(options, SHORT, (), frame)
        assert not (tmp_path / FILE).exists()
        result = conduct_audit(options, SHORT, (), frame, progress=False)
        assert "all              0 runs  0:00:00" in planned(options, SHORT, (), frame)
    assert plan.splitlines()[0].startswith("price            1 run   0:00:0")
    assert (tmp_path / KEPT).is_file() and result.facts["dataset"] == KEPT
    assert {name: list(getattr(result, name)) for name in COLUMNS} == {name: list(columns) for name, columns in COLUMNS.items()}
    assert (result.facts["users"], result.facts["items"], result.facts["interactions"]) == (40, 60, 480)
    assert set(result.items["kind"]) == {"cold", "tail", "mid", "head"} and result.items["item"].str.startswith("it's, [").all()
    assert list(result.price["defense"]) == ["none"] and (result.price[["client_ms", "server_ms"]] > 0).all(axis=None)
    assert result.exposure["mean"].between(0, 1).all() and len(result.accounts) == 1
    assert len(result.verdict) == 4 and not result.left_out and not result.facts["failed"]
    (key,) = result.runs.loc[result.runs["attack"] == "none", "key"]
    lists = fedrec.load(tmp_path / "runs" / key).recommend([f"u{user}" for user in range(40)])
    seen = lists["item"].value_counts() / 40
    for row in result.pushed_out.to_dict("records"):
        assert row["before"] == pytest.approx(seen[row["item"]]) > row["after"]
    assert not result.runs["diverged"].any() and len(set(result.runs["key"])) == len(result.runs)


@pytest.mark.slow
def test_a_run_can_be_repeated_by_its_command(tmp_path):
    """The command that the table gives, in a process of its own, reaches the same numbers."""
    options = options_of(tmp_path, workers=1, attacks=["popular"], defenses=[], levels=[0.5], seeds=1, quick=True)
    with initialized():
        result = conduct_audit(options, (*DATA, *SHORT), (), progress=False)
    row = result.runs[result.runs["question"] == "items"].iloc[0]
    own = f"hydra.run.dir={tmp_path / 'again'}"
    subprocess.run([sys.executable, *shlex.split(row["command"])[1:], own], check=True, cwd=tmp_path)
    summary = json.loads((tmp_path / "again" / "summary.json").read_text(encoding="utf-8"))
    assert summary["near_best"]["ER@10"] == pytest.approx(row["ER@10"], abs=1e-6)
    assert summary["malicious_clients"] == row["accounts"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [({"attacks": ["nothing"]}, "nothing"), ({"defenses": ["nothing"]}, "nothing")],
)
def test_a_wrong_name_is_refused_before_anything_runs(tmp_path, changed, message):
    def action() -> AuditResult:
        with initialized():
            return conduct_audit(options_of(tmp_path, **changed), (*DATA, *SHORT), (), progress=False)

    with pytest.raises(ValueError, match=message):
        alone(action)
    assert not (tmp_path / "runs").exists()


def test_data_that_cannot_be_read_are_refused(tmp_path):
    with initialized(), pytest.raises(ConfigError, match=r"missing\.csv"):
        planned(options_of(tmp_path), ("dataset=table", f"dataset.path={tmp_path}/missing.csv"), ())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_killed_audit_goes_on_to_the_same_tables(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
    assert _started(whole).wait() == 0
    n_runs = len(_store(whole).results())
    for share in (0.2, 0.6):
        process = _started(killed)
        while process.poll() is None and (not (killed / FILE).exists() or len(_store(killed).results()) < share * n_runs):
            time.sleep(0.3)
        assert process.poll() is None
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert _started(killed).wait() == 0
    assert len(_store(killed).results()) == n_runs
    first, second = (timeless(json.loads((folder / "result.json").read_text(encoding="utf-8"))) for folder in (whole, killed))
    assert first == second
    assert {row["question"] for row in first["runs"]} >= {"price", "screen", "accounts", "degradation", "items"}


def _started(folder: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-m", "tests.auditing.small_audit", str(folder)])


def _store(folder: Path) -> Store:
    return Store(locate(None, folder, "storage"), STORE)
