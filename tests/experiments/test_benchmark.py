"""The benchmark's own command line, with its quickest rows."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from experiments import benchmark
from experiments.timing import engine_rows
from tests.campaigns.planners import TINY

ROOT = Path(__file__).parents[2]


def test_one_row_as_table_and_json(monkeypatch, tmp_path, capsys):
    """On tiny data: what is measured depends on the machine, so only the form is looked at."""
    monkeypatch.setattr(engine_rows, "on_ml_100k", lambda *overrides: engine_rows.prepared(*TINY, *overrides))
    monkeypatch.setattr(engine_rows, "WARM_UP", 1)
    monkeypatch.setattr(sys, "argv", ["benchmark", "--only", "ncf_evaluation", "--json", str(tmp_path / "rows.json")])
    benchmark.main()
    assert "DL evaluation of all users" in capsys.readouterr().out
    (row,) = json.loads((tmp_path / "rows.json").read_text())["rows"]
    assert row["ratio"] == pytest.approx(row["slow_s"] / row["fast_s"]) and row["result"].endswith(" ms)")


@pytest.mark.slow
def test_a_row_of_the_real_program(published, tmp_path):
    command = [sys.executable, "-m", "experiments.benchmark", "--only", "mf_ours", "--json", str(tmp_path / "rows.json")]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "FEDREC_DATA": str(published)}, check=True, capture_output=True, text=True)
    (row,) = json.loads((tmp_path / "rows.json").read_text())["rows"]
    assert row["fast_s"] > 0 and row["slow_s"] > 0
