"""The benchmark's own command line, with its quickest row."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_one_row_as_table_and_json(published, tmp_path):
    command = [sys.executable, "-m", "experiments.benchmark", "--only", "evaluation", "--json", str(tmp_path / "rows.json")]
    environment = {**os.environ, "FEDREC_DATA": str(published)}
    result = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    assert "evaluation of all users" in result.stdout
    (row,) = json.loads((tmp_path / "rows.json").read_text())["rows"]
    assert row["ratio"] > 1
